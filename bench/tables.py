"""What all tables of RESULTS.md have in common. Pure."""


def targets_table(rows, judge):
    """Lines: what each row must reach and has. `judge(row, target)` = (measured, verdict)."""
    lines = ["| Work | Must | Measured | |", "|---|---|---|---|"]
    for row in rows:
        for target in row["targets"]:
            text, verdict = judge(row, target)
            lines.append(f"| {row['title']} | {target['text']} | {text} | {verdict} |")
    return lines


def measured(record):
    """Lines: when, at which commit, where, and by which command."""
    at = record["measured"]
    return [f"{at['date']}, commit {at['commit']}, {at['machine']}.", f"`{at['command']}`"]
