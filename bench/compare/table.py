"""The lines of a run as tables of Markdown, one for each work."""

from bench.compare import peers

STEADY_COLUMNS = ("p50_us", "p99_us")
STARTS = ("fresh", "again")


def find(lines, peer, work, mode):
    """The figures of one measurement, {} if there is none or it failed."""
    return next((line for line in reversed(lines)
                 if (line.get("peer"), line.get("work"), line.get("mode")) == (peer, work, mode)),
                {})


def pins_of(name):
    """True for a server that pins: one that is measured, not a limit."""
    peer = peers.named(name)
    return bool(peer and peer.pins and peer.kind == "peer")


def does_dns(name):
    peer = peers.named(name)
    return bool(peer and peer.kind == "peer")


def brief(line):
    """What a person reads while a run goes on."""
    head = f"{line.get('peer', ''):20} {line.get('work', ''):7}"
    if "error" in line:
        return f"{head} failed: {line['error']}"
    if line["work"] == "race":
        return (f"{head} {line['clients']} clients: {line['first_packet_lost']} of "
                f"{line['answered']} first packets lost, {line['packets_dropped']} dropped")
    if line["work"] == "stale":
        return (f"{head} {line['clients']} clients: {line['at_once_lost']} and later "
                f"{line['later_lost']} of {line['names']} lost")
    if line["work"] == "start":
        return "\n".join(f"{head} {kind}: first {line[kind]['first_ms']} ms, "
                         f"all {line[kind]['all_ms']} ms" for kind in STARTS)
    if line["work"] == "reload":
        return f"{head} {line['rule']}: in force {line['in_force_ms']} ms"
    others = f"  (others: {line['foreign_pct']} %)" if line["foreign_pct"] > 6 else ""
    return (f"{head} {line['mode']:6} {line['qps']:9,.0f}/s  p50 {line['p50_us']:.0f} "
            f"p99 {line['p99_us']:.0f} us  {line['cpu_s_per_100k']} CPU s per 100 k"
            f"{'' if line.get('pins_right', True) else '  WRONG PINS'}"
            f"{others}")


def _grid(titles, rows):
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    lines = [[cell.ljust(width) if i == 0 else cell.rjust(width)
              for i, (cell, width) in enumerate(zip(row, widths))] for row in [titles, *rows]]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [lines[0], rule, *lines[1:]]) + "\n"


def _pins(full):
    if "pins" not in full:
        return ""
    return f"{full['pins']:,}" + ("" if full.get("pins_right", True)
                                  else f" (expected: {full['pins_expected']:,})")


def _work_table(lines, work):
    rows = []
    for name in dict.fromkeys(line["peer"] for line in lines if line.get("work") == work):
        full, steady = (find(lines, name, work, mode) for mode in ("full", "steady"))
        if "qps" not in full:
            continue
        rows.append((full["qps"], [
            name, f"{full['qps']:,.0f}", f"{full['cpu_s_per_100k']:.2f}",
            *(f"{steady[key]:.0f}" if key in steady else "" for key in STEADY_COLUMNS),
            f"{full['lost'] + steady.get('lost', 0):,}", _pins(full),
            f"{full['memory_kib'] / 1024:.1f}", full["limited_by"],
            f"{max(full['foreign_pct'], steady.get('foreign_pct', 0)):.0f}"]))
    rows.sort(key=lambda row: -row[0])
    return _grid(["peer", "per second", "CPU s/100 k", "p50 µs", "p99 µs", "lost", "pins", "MB",
                  "limit", "others %"], [row for _, row in rows]) if rows else ""


def _race_table(lines):
    rows = [[line["peer"], str(line["clients"]),
             ", ".join(filter(None, ["blocking" if line["blocks"] else "",
                                     f"load {line['load']}/s" if line["load"] else "",
                                     "failing neighbour" if line["neighbour"] else ""])),
             f"{line['answered']}", f"{line['first_packet_lost']}", f"{line['never_reachable']}",
             f"{line['packets_dropped']}",
             f"{line['answer_us_p50']} / {line['answer_us_p99']} / {line['answer_us_p99.9']}"]
            for line in lines if line.get("work") == "race" and "error" not in line]
    return _grid(["peer", "clients", "beside", "answered", "lost", "never", "dropped",
                  "answer µs p50 / p99 / p99.9"], rows) if rows else ""


def _stale_table(lines):
    rows = [[line["peer"], str(line["clients"]), str(line["names"]), str(line["fresh_lost"]),
             str(line["at_once_lost"]), str(line["later_lost"]), str(line["never_reachable"])]
            for line in lines if line.get("work") == "stale" and "error" not in line]
    return _grid(["peer", "clients", "names", "new: lost", "at once: lost", "later: lost",
                  "never"], rows) if rows else ""


def _process_table(lines):
    rows = [[line["peer"], line["work"], *(f"{line['cpu_us_each'].get(role, 0):.2f}"
                                           for role in ("reader", "dnspind"))]
            for line in lines if line.get("mode") == "full" and line.get("cpu_us_each")]
    return _grid(["peer", "work", "reader µs", "dnspind µs"], rows) if rows else ""


def _start_table(lines):
    rows = [[line["peer"], kind, *(f"{line[kind][key]:.0f}" for key in
                                   ("first_ms", "half_ms", "all_ms")),
             *(f"{line[kind]['cpu_ms'][role]:.0f}" for role in ("dnspind", "launcher", "reader"))]
            for line in lines if line.get("work") == "start" and "error" not in line
            for kind in STARTS]
    return _grid(["peer", "tables", "first ms", "half ms", "all ms", "dnspind CPU ms",
                  "launcher", "readers"], rows) if rows else ""


def _reload_table(lines):
    rows = [[line["peer"], line["rule"], f"{line['in_force_ms']:.1f}",
             f"{line['in_force_ms_max']:.1f}", f"{line['dnspind_cpu_ms']:.1f}",
             *(f"{line[kind][key]:,.0f}" for key in ("p99_us", "max_us")
               for kind in ("others_without", "others_meanwhile"))]
            for line in lines if line.get("work") == "reload" and "error" not in line]
    return _grid(["peer", "a rule", "in force ms", "most", "dnspind CPU ms",
                  "others' p99 µs without", "meanwhile", "most µs without", "meanwhile"],
                 rows) if rows else ""


def text(lines):
    names = dict.fromkeys(line["work"] for line in lines if "mode" in line)
    parts = [(name, _work_table(lines, name)) for name in names]
    parts += [("CPU of an answer, by process", _process_table(lines)),
              ("race", _race_table(lines)), ("stale", _stale_table(lines)),
              ("start", _start_table(lines)), ("reload", _reload_table(lines))]
    failed = "".join(f"{line['peer']}, {line['work']}: {line['error']}\n"
                     for line in lines if "error" in line)
    return "\n".join(f"### {name}\n\n{grid}" for name, grid in parts if grid) + failed
