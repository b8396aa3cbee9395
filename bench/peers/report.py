"""Turns the raw runs in results.json into RESULTS.md. Used by run.py; pure but for files."""

import pathlib
import statistics
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "endpoint"))
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import endpoint_table  # noqa: E402
import soak_section  # noqa: E402
import tables  # noqa: E402

SCALE = {"CPU-s/GiB": 1, "CPU ms/object": 1e3, "CPU µs/object": 1e6, "wall s": 1, "wall ms": 1e3}


def figure(row, contender, run):
    """What the row is about, of one run, in the row's unit."""
    seconds = run["wall_s"] if row["unit"].startswith("wall") else run["cpu_s"]
    return max(0.0, seconds - contender.get("start_cpu_s", 0)) / row["amount"] * SCALE[row["unit"]]


def summary(row, contender):
    """Medians of one contender; None when no run succeeded."""
    runs = contender.get("runs", [])
    if not runs:
        return None
    figures = sorted(figure(row, contender, run) for run in runs)

    def median(name):
        return statistics.median(run[name] for run in runs)

    bodies = sum(run.get("bodies", 0) for run in runs)
    return {
        "figure": statistics.median(figures),
        "low": figures[0],
        "high": figures[-1],
        "wall_s": median("wall_s"),
        "cpu_s": median("cpu_s"),
        "rss_mib": max(run["rss_kib"] for run in runs) / 1024,
        "server_cpu_s": median("server_cpu_s"),
        "softirq_cpu_s": median("softirq_cpu_s"),
        "other_share": statistics.median(
            run["other_cpu_s"] / max(run["wall_s"], 0.01) for run in runs
        ),
        "checked": sum(run.get("verified", 0) for run in runs) / bodies if bodies else None,
        "runs": len(runs),
    }


def judge(row, target):
    """(measured text, "met" / "missed" / "not measured") of one target."""
    summaries = {c["name"]: summary(row, c) for c in row["contenders"]}
    subject = summaries.get(row["subject"])
    other = summaries.get(target["of"]) if target["of"] else None
    if subject is None or (target["of"] and other is None):
        return "–", "not measured"
    value = subject[target["figure"]]
    if target["of"]:
        beside = other[target["figure"]]
        if value == 0 or beside == 0:
            return "–", "not measured"
        value = value / beside
        if target["kind"] == "times-below":
            value = 1 / value
        text = f"{value:.2f} ×"
    else:
        unit = "MiB" if target["figure"] == "rss_mib" else row["unit"]
        text = f"{value:.3g} {unit}"
    is_met = value <= target["limit"] if target["kind"] == "at-most" else value >= target["limit"]
    return text, "met" if is_met else "**missed**"


def number(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def row_table(row):
    floor = next((summary(row, c) for c in row["contenders"] if c["name"].startswith("floor")), None)
    lines = [
        f"| Contender | {row['unit']}: median (min–max) | × floor | wall s | peak RSS MiB | "
        "servers' CPU s | ksoftirqd CPU s | other load | checksums sent |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for contender in row["contenders"]:
        name = contender["name"]
        if "buffer" in contender:
            name += f", {contender['buffer'] // 1024} KiB buffer"
        got = summary(row, contender)
        if got is None:
            lines.append(f"| {name} | not measured: {contender.get('problem', '?')} | | | | | | | |")
            continue
        ratio = f"{got['figure'] / floor['figure']:.2f}" if floor and floor["figure"] else ""
        checked = "" if got["checked"] is None else f"{got['checked']:.0%}"
        lines.append(
            f"| {name} | {number(got['figure'])} ({number(got['low'])}–{number(got['high'])}) | "
            f"{ratio} | {got['wall_s']:.2f} | {got['rss_mib']:.1f} | {got['server_cpu_s']:.2f} | "
            f"{got['softirq_cpu_s']:.2f} | {got['other_share']:.0%} | {checked} |"
        )
        if contender.get("problem"):
            lines.append(f"| | {contender['problem']} | | | | | | | |")
    starts = [
        f"{c['name']} {c['start_cpu_s'] * 1000:.1f} ms" for c in row["contenders"] if "start_cpu_s" in c
    ]
    if starts:
        lines += ["", "Subtracted as process start (CPU): " + ", ".join(starts) + "."]
    return lines


def markdown(results, order):
    """The whole of RESULTS.md. `order` = names of rows."""
    rows = [results["rows"][name] for name in order if name in results["rows"]]
    lines = [
        "# Measurements",
        "",
        "Written by `bench/peers/run.py` and `bench/endpoint/run.py`; do not edit. How it measures stands in `README.md`, the "
        "single runs in `results.json`.",
        "",
        *tables.targets_table(rows, judge),
    ]
    for row in rows:
        lines += ["", f"## {row['title']}", "", *tables.measured(row), "", *row_table(row)]
        if row.get("note"):
            lines += ["", row["note"]]
    lines += endpoint_table.section(results.get("endpoint", {}))
    lines += soak_section.section(results.get("soak", {}))
    return "\n".join(lines) + "\n"
