#pragma once
// Knows: the colours and measures of a report's page. Touches nothing.

#include <string_view>

namespace dnspin {

constexpr std::string_view kReportStyle = R"(
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4;
  --pinned: #2f6fd6; --refused: #dd8a1d; --revoked: #8566c4; --trouble: #c4263a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --card: #161b22; --ink: #e6edf3; --soft: #9aa4af; --line: #30363d;
    --pinned: #5a9cf8; --refused: #e5a34b; --revoked: #b197ee; --trouble: #f4707e;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 2rem 1rem 3rem; max-width: 66rem; background: var(--back);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere }
h2 { margin: 0; font-size: 1.1rem }
p { margin: .25rem 0 .75rem } .soft, header p { color: var(--soft) }
section, dl, .notes {
  margin: 1rem 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem;
}
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .75rem 1rem }
dl div { display: flex; flex-direction: column-reverse; justify-content: flex-end }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.5rem; line-height: 1.3 }
.notes { padding-left: 2.25rem; border-left: 4px solid var(--refused) }
.empty { margin: 1rem 0; color: var(--soft); text-align: center }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .85rem }
.legend svg { width: .8rem; height: .8rem; margin-right: .4rem }
svg { display: block; width: 100%; height: auto; overflow: visible }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
.legend svg { display: inline-block }
.right { text-anchor: end } .middle { text-anchor: middle }
.grid, .axis { stroke: var(--line); vector-effect: non-scaling-stroke }
.axis { stroke: var(--soft) }
.pinned { fill: var(--pinned) } .refused { fill: var(--refused) }
.revoked { fill: var(--revoked) } .trouble { fill: var(--trouble) }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: middle }
th { color: var(--soft); font-size: .85rem; font-weight: 500; white-space: nowrap }
tbody tr { border-top: 1px solid var(--line) }
.number { text-align: right; white-space: nowrap } th:last-child, td:last-child { padding-right: 0 }
.time { white-space: nowrap } .words { overflow-wrap: anywhere }
td.name { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; min-width: 11rem }
.bar { width: 34% } .life { width: 40% } .bar, .life { min-width: 9rem; overflow: hidden }
svg.row { height: .7rem } svg.activity { min-width: 34rem }
.scale { position: relative; display: block; height: 1.3rem }
.scale span { position: absolute; transform: translateX(-50%) }
details { margin-top: .75rem } summary { color: var(--soft); cursor: pointer }
footer { color: var(--soft); font-size: .85rem }
@media (max-width: 40rem) { .bar { min-width: 4rem } .life { min-width: 7rem } }
@media print { body { max-width: none; padding: 0 } section { break-inside: avoid } }
)";

}  // namespace dnspin
