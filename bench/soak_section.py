"""The section "Soak" of RESULTS.md and its plot, from what tests/soak/soak.py has measured."""

import tables

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 120, 70, 30, 42
PANELS = [("rss_mib", "server's resident memory, MiB"), ("descriptors", "open descriptors"),
          ("open_uploads", "open uploads"), ("store_mib", "store on disk, MiB (grey: live objects)")]

NAMES = {"rss_mib": "server's resident MiB", "descriptors": "open descriptors",
         "open_uploads": "open uploads"}


def _line(samples, field, x_of, y_of, colour):
    points = " ".join(f"{x_of(s['second']):.1f},{y_of(s[field]):.1f}" for s in samples)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>'


def plot(samples):
    """SVG: one panel for each figure; a dashed line where the server was killed."""
    end = max(s["second"] for s in samples) or 1
    height = TOP + len(PANELS) * (HEIGHT + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           f'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>']

    def x_of(second):
        return LEFT + second / end * (WIDTH - LEFT - 20)

    deaths = [b["second"] for a, b in zip(samples, samples[1:]) if a["server_pid"] != b["server_pid"]]
    for index, (field, title) in enumerate(PANELS):
        top = TOP + index * (HEIGHT + GAP)
        fields = [field] + (["live_mib"] if field == "store_mib" else [])
        most = max(max(s[f] for s in samples) for f in fields) * 1.1 or 1

        def y_of(value, top=top, most=most):
            return top + HEIGHT - value / most * HEIGHT

        out.append(f'<text x="{LEFT}" y="{top - 7}" font-weight="bold">{title}</text>')
        for share in (0, 0.5, 1):
            y = y_of(most * share)
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" '
                       'stroke="#ddd"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                       f'{most * share:.0f}</text>')
        for second in deaths:
            out.append(f'<line x1="{x_of(second):.1f}" x2="{x_of(second):.1f}" y1="{top}" '
                       f'y2="{top + HEIGHT}" stroke="#c33" stroke-dasharray="4 3"/>')
        if len(fields) > 1:
            out.append(_line(samples, fields[1], x_of, y_of, "#999"))
        out.append(_line(samples, field, x_of, y_of, "#246"))
    for share in range(0, 11, 2):
        out.append(f'<text x="{x_of(end * share / 10):.1f}" y="{height - 22}" text-anchor="middle">'
                   f'{end * share / 600:.1f}</text>')
    out.append(f'<text x="{WIDTH - 20}" y="{height - 6}" text-anchor="end">minutes; dashed: '
               'the server was killed and started again</text></svg>')
    return "\n".join(out) + "\n"


def _grows(judged):
    return "" if judged["flat"] else " **too much**"


def _slope(life):
    if life["per_minute"] is None:
        return "the last server did not live long enough to tell what grows"
    return (f"of the last server {life['per_minute']:+g} a minute over {life['minutes']:g} minutes "
            f"(at most {life['bound']:g}){_grows(life)}")


def section(soaks):
    """Lines of Markdown; none without a record."""
    record = soaks.get("soak")
    if not record:
        return []
    verdict = "passed" if record["passed"] else "**failed**: " + "; ".join(record["problems"][:5])
    lines = [
        "",
        "## Soak",
        "",
        *tables.measured(record),
        "",
        f"{record['minutes']:g} minutes, {record['workers']} users side by side, faults on, clients "
        f"and servers killed: {verdict}.",
        "",
        "| | |",
        "|---|---|",
        f"| `telpher` commands | {record['commands']}, {record['commands_failed']} said that they "
        f"failed, {record['clients_killed']} were killed |",
        f"| servers killed | {record['servers_killed']} |",
        f"| moved | {record['copied_mib']} MiB |",
        "| faults met | " + ", ".join(f"{n} {name}" for name, n in record["faults"].items()) + " |",
        f"| objects compared | {record['checked']} |",
        f"| wrong | {record['wrong']} |",
        f"| acknowledged and missing | {record['missing']} |",
        f"| open uploads after `telpher sweep` | {record['open_uploads_at_the_end']} |",
    ]
    for field, flat in record["flat"].items():
        run, life = flat["run"], flat["life"]
        lines.append(f"| {NAMES[field]} | median {run['median']:g}, highest {run['highest']:g} of "
                     f"{run['ceiling']} allowed{_grows(run)}; {_slope(life)} |")
    return [*lines, "", "![memory, descriptors, open uploads and disk over time](soak.svg)"]
