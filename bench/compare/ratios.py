"""The ratios of one run that say whether dnspin is as fast as it should be."""

from bench.compare import table


def _figure(lines, peer, work, mode, key):
    return table.find(lines, peer, work, mode).get(key)


def _best(lines, work, pins):
    """The fastest other server of that work, among those that pin or those that do not."""
    rates = [(line["qps"], line["peer"]) for line in lines
             if line.get("work") == work and line.get("mode") == "full" and "qps" in line
             and table.does_dns(line["peer"]) and table.pins_of(line["peer"]) == pins
             and not line["peer"].startswith("dnspin")]
    return max(rates)[1] if rates else ""


def _quotient(lines, work, other, least, peer="dnspin", other_work=""):
    ours = _figure(lines, peer, work, "full", "qps")
    theirs = _figure(lines, other, other_work or work, "full", "qps")
    return (f"{work}: {peer} / {other}", round(ours / theirs, 2), ">=", least) \
        if ours and theirs else None


def _added(lines, other, percentile, most):
    key = f"{percentile}_us"
    ours, theirs = (_figure(lines, name, "unique", "steady", key) for name in ("dnspin", other))
    return (f"unique at 5,000/s: {percentile} over {other}, µs", round(ours - theirs, 1), "<=",
            most) if ours is not None and theirs is not None else None


def _lost(lines, work, key):
    found = [line for line in lines if line.get("work") == work
             and line.get("peer", "").startswith("dnspin")]
    good = [line for line in found if "error" not in line and line["answered"] == line["names"]]
    # What failed, or was not answered, is not "none lost".
    value = sum(line[key] for line in good) if found and len(good) == len(found) else "not done"
    return (f"{work}: {key.replace('_', ' ')}", value, "<=", 0) if found else None


def _failing_neighbour(lines):
    times = [line["answer_us_p99.9"] / 1000 for line in lines if line.get("work") == "race"
             and line.get("neighbour") and line["peer"].startswith("dnspin")]
    return ("race beside a failing neighbour: p99.9, ms", round(max(times), 1), "<=", 20) \
        if times else None


def rows(lines):
    """(what, value, "<=" or ">=", wanted) of all that this run can say."""
    cpu = _figure(lines, "dnspin", "unique", "full", "cpu_s_per_100k")
    found = [
        _quotient(lines, "unique", _best(lines, "unique", pins=True), 1.5),
        _quotient(lines, "unique", _best(lines, "unique", pins=False), 0.9),
        ("unique: CPU s per 100,000", cpu, "<=", 0.9) if cpu else None,
        _quotient(lines, "hot", "unbound", 1.0),
        _quotient(lines, "hot", "echo", 0.65),
        _quotient(lines, "zipf", "dnsdist", 1.0),
        _added(lines, "dnsdist", "p50", 25),
        _added(lines, "dnsdist", "p99", 60),
        _added(lines, "dnspin-unpinned", "p99", 45),
        _quotient(lines, "unique", "dnspin", 0.8, peer="dnspin-isolated"),
        _quotient(lines, "hot-30", "dnspin", 0.8, peer="dnspin-isolated"),
        _quotient(lines, "unique", "dnspin", 0.95, peer="dnspin-elements"),
        _quotient(lines, "unique-2", "dnspin", 0.95, peer="dnspin-patterns"),
        _quotient(lines, "unique-200", "dnspin", 0.85, peer="dnspin-200", other_work="unique"),
        _lost(lines, "race", "first_packet_lost"),
        _failing_neighbour(lines),
        _lost(lines, "stale", "at_once_lost"),
        _lost(lines, "stale", "later_lost")]
    return [row for row in found if row]


def reached(row):
    _, value, sense, wanted = row
    return not isinstance(value, str) and (value <= wanted if sense == "<=" else value >= wanted)


def text(lines):
    return "### ratios\n\n" + "\n".join(
        f"| {what:50} | {value!s:>8} | {sense} {wanted!s:4} | {'yes' if reached(row) else 'no':3} |"
        for row in rows(lines) for what, value, sense, wanted in [row]) + "\n"
