"""The lines of a run as one SVG: for each work, rates as bars and times at 5,000/s as p50 to p99.

Text stays text; the colours follow the reader's choice of light or dark.
"""

import math
from xml.sax.saxutils import escape

from bench.compare import table, works

WIDTH, ROW, HEAD, GAP = 960, 22, 54, 18
LEFT, NAMES_END, RATES_FROM, RATES_TO = 24, 176, 186, 520
TIMES_FROM, TIMES_TO = 610, 820
SHORTEST, LONGEST = 10, 100_000  # microseconds, on a scale of powers of ten
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px } .small { font-size: 11px; fill: #59636e }
  .back { fill: #ffffff } .axis { stroke: #d1d9e0; stroke-width: 1 }
  .ours { fill: #0969da } .pins { fill: #bf8700 } .plain { fill: #8c959f }
  .limit { fill: none; stroke: #59636e; stroke-dasharray: 4 3 }
  line.ours { stroke: #0969da } line.pins { stroke: #bf8700 } line.plain { stroke: #8c959f }
  line.limit { stroke: #59636e } line.span { stroke-width: 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .back { fill: #0d1117 }
    .axis { stroke: #3d444d } .ours { fill: #58a6ff } .pins { fill: #e3b341 }
    .plain { fill: #818b98 } .limit { fill: none; stroke: #9198a1 }
    line.ours { stroke: #58a6ff } line.pins { stroke: #e3b341 } line.plain { stroke: #818b98 }
    line.limit { stroke: #9198a1 }
  }
"""
KINDS = (("ours", "dnspin"), ("pins", "pins, for all clients alike"), ("plain", "does not pin"),
         ("limit", "limit: no DNS is done"))


def _kind(name):
    if name.startswith("dnspin"):
        return "ours"
    if not table.does_dns(name):
        return "limit"
    return "pins" if table.pins_of(name) else "plain"


def _text(x, y, words, style="", anchor="start"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">'
            f"{escape(words)}</text>")


def _at(microseconds):
    """Where on the scale of times."""
    kept = min(max(microseconds, SHORTEST), LONGEST)
    part = math.log(kept / SHORTEST) / math.log(LONGEST / SHORTEST)
    return TIMES_FROM + part * (TIMES_TO - TIMES_FROM)


def _row(y, full, steady, most):
    name, kind = full["peer"], _kind(full["peer"])
    width = max(1, full["qps"] / most * (RATES_TO - RATES_FROM))
    middle = y + ROW / 2
    parts = [_text(NAMES_END, middle + 4, name, anchor="end"),
             f'<rect x="{RATES_FROM}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}" '
             f'class="{kind}"/>',
             _text(RATES_FROM + width + 6, middle + 4, f"{full['qps']:,.0f}")]
    if steady:
        first, last = _at(steady["p50_us"]), _at(steady["p99_us"])
        parts += [f'<line x1="{first:.1f}" x2="{max(last, first + 2):.1f}" y1="{middle}" '
                  f'y2="{middle}" class="span {kind}"/>',
                  _text(TIMES_TO + 8, middle + 4,
                        f"{steady['p50_us']:,.0f} – {steady['p99_us']:,.0f}")]
    return parts


def _panel(y, lines, work, rows):
    about = next((one.about for one in works.WORKS if one.name == work), "")
    bottom = y + HEAD + ROW * len(rows)
    parts = [_text(LEFT, y + 20, f"{work}: {about}", "title"),
             _text(RATES_FROM, y + 42, "questions answered a second, on one core", "small"),
             _text(TIMES_FROM, y + 20, "µs at 5,000 a second, p50 to p99", "small")]
    for power in range(int(math.log10(SHORTEST)), int(math.log10(LONGEST)) + 1):
        x = _at(10 ** power)
        parts.append(_text(x, y + 42, f"{10 ** power:,}", "small", "middle"))
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + HEAD - 4}" y2="{bottom}" '
                     'class="axis"/>')
    most = max(row["qps"] for row in rows)
    for i, full in enumerate(rows):
        steady = table.find(lines, full["peer"], work, "steady")
        parts += _row(y + HEAD + i * ROW, full, steady if "p50_us" in steady else {}, most)
    return parts, bottom + GAP


def _legend(y):
    parts, x = [], RATES_FROM
    for kind, words in KINDS:
        parts += [f'<rect x="{x}" y="{y}" width="14" height="12" class="{kind}"/>',
                  _text(x + 20, y + 11, words, "small")]
        x += 60 + 7 * len(words)
    return parts


def draw(lines):
    parts, y = [*_legend(14)], 34
    for work in dict.fromkeys(line["work"] for line in lines if "mode" in line):
        rows = [table.find(lines, name, work, "full") for name in dict.fromkeys(
            line["peer"] for line in lines if line.get("work") == work)]
        rows = sorted((row for row in rows if row), key=lambda row: -row["qps"])
        if rows:
            panel, y = _panel(y, lines, work, rows)
            parts += panel
    machine = next((line for line in lines if "machine" in line), None)
    if machine:
        words = " · ".join(str(machine[key]) for key in ("machine", "kernel", "commit", "began"))
        parts.append(_text(RATES_FROM, y + 4, words, "small"))
    height = y + GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="dnspin beside its peers">\n<style>{STYLE}</style>\n'
            f'<rect width="{WIDTH}" height="{height}" class="back"/>\n' + "\n".join(parts)
            + "\n</svg>\n")
