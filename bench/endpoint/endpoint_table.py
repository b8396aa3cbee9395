"""The part of RESULTS.md that is about the endpoint. Used by bench/peers/report.py; pure."""

import statistics

import tables

HEADING = "The endpoint"
ORDER = ["get-10k", "put-10k", "put-local", "put-durable", "get-1g", "put-1g", "idle", "list", "start"]


def figures(row, name):
    contender = next((c for c in row["contenders"] if c["id"] == name), None)
    return sorted(run["figure"] for run in contender["runs"]) if contender else []


def judge(row, target):
    """(measured text, "met" / "**missed**" / "not measured")."""
    subject = figures(row, target["subject"])
    parts = [figures(row, name) for name in target["of"]]
    if not subject or not all(parts):
        return "–", "not measured"
    value = statistics.median(subject)
    if parts:
        value /= sum(statistics.median(part) for part in parts)
    is_met = value >= target["limit"] if target["at_least"] else value <= target["limit"]
    unit = target["unit"]
    text = f"{value:.2f} ×" if unit == "×" else f"{value:,.0f}/s" if unit == "/s" else f"{value:.3g} {unit}"
    return text, "met" if is_met else "**missed**"


def number(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def row_table(row):
    lines = [
        f"| Server | load | {row['unit']}: median (min–max) | requests/s | p50 ms | p99 ms | "
        "load's CPU µs/request | other load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for contender in row["contenders"]:
        name, load = contender["name"], contender["load"]
        runs = contender["runs"]
        if not runs:
            lines.append(f"| {name} | {load} | not measured: {contender.get('problem', '?')} | | | | | |")
            continue
        values = sorted(run["figure"] for run in runs)
        cells = [name, load, f"{number(statistics.median(values))} ({number(values[0])}–"
                 f"{number(values[-1])})"]  # fmt: skip

        def median(make):
            return statistics.median(make(run) for run in runs)

        if "requests" in runs[0]:
            cells += [
                f"{median(lambda run: run['requests'] / run['seconds']):,.0f}"
                if runs[0]["requests"] > 20 else "",
                f"{median(lambda run: run['p50_ms']):.2f}",
                f"{median(lambda run: run['p99_ms']):.2f}",
                f"{median(lambda run: run['client_cpu_s'] / run['requests'] * 1e6):.1f}"
                if runs[0]["requests"] > 20 else "",
                f"{median(lambda run: run['other_cpu_s'] / run['seconds']):.0%}",
            ]  # fmt: skip
        else:
            cells += [""] * 5
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def section(results):
    """Lines of Markdown; none when nothing was measured. `results` = {row name: row}."""
    rows = [results[name] for name in ORDER if name in results]
    if not rows:
        return []
    lines = [
        "",
        f"## {HEADING}",
        "",
        "`telpher s3` measured from outside: CPU time of the server's process for each request, on "
        "keep-alive connections, every request signed anew (SigV4, unsigned payload). Written by "
        "`bench/endpoint/run.py`.",
        "",
        *tables.targets_table(rows, judge),
    ]
    for row in rows:
        lines += ["", f"### {row['title']}", "", *tables.measured(row), "", *row_table(row)]
        if row.get("note"):
            lines += ["", row["note"]]
    return lines
