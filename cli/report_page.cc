#include "cli/report_page.h"

#include <algorithm>

#include "cli/html.h"
#include "cli/report_charts.h"
#include "cli/report_style.h"

namespace dnspin {
namespace {

// Rows that are told; how many more there are is told, too.
constexpr size_t kNamesMax = 25;
constexpr size_t kRefusalsMax = 100;
constexpr size_t kLivesMax = 40;
constexpr size_t kPinnedMax = 1000;
constexpr size_t kTroublesMax = 100;
constexpr size_t kNameShownMax = 64;

std::string Moment(const std::optional<absl::Time>& time, const absl::TimeZone& zone) {
  return time ? absl::FormatTime("%a %d %b %H:%M:%S", *time, zone) : "not told";
}

Html Cell(std::string_view style, const auto& content) {
  return Markup("<td class=\"{}\">{}</td>", style, content);
}

Html NumberCell(uint64_t number) {
  return Cell(number == 0 ? "number soft" : "number", Grouped(number));
}

// Who owns a name stands at its end.
Html NameCell(const std::string& name) {
  if (name.size() <= kNameShownMax) {
    return Cell("name", name);
  }
  return Markup("<td class=\"name\" title=\"{}\">{}…{}</td>", name, name.substr(0, 20),
                name.substr(name.size() - (kNameShownMax - 20)));
}

Html Row(const std::vector<Html>& cells) {
  Html row;
  for (const Html& cell : cells) {
    row += cell;
  }
  return Markup("<tr>{}</tr>\n", row);
}

struct Column {
  std::string_view style;
  Html title;
};

Html Table(const std::vector<Column>& columns, const Html& rows) {
  Html heads;
  for (const Column& column : columns) {
    heads += Markup("<th class=\"{}\">{}</th>", column.style, column.title);
  }
  return Markup(
      "<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n"
      "</table></div>\n",
      heads, rows);
}

Html Folded(std::string_view summary, const Html& content) {
  return Markup("<details>\n<summary>{}</summary>\n{}</details>\n", summary, content);
}

Html More(size_t all, size_t shown, std::string_view what) {
  return all <= shown
             ? Html()
             : Markup("<p class=\"soft\">And {} more {}.</p>\n", Grouped(all - shown), what);
}

Html Empty(std::string_view words) { return Markup("<p class=\"empty\">{}</p>\n", words); }

Html Section(std::string_view id, std::string_view title, std::string_view about,
             const Html& content) {
  return Markup("<section id=\"{}\">\n<h2>{}</h2>\n<p class=\"soft\">{}</p>\n{}</section>\n", id,
                title, about, content);
}

Html Header(const ReportTerms& terms) {
  const auto day = [&terms](absl::Time time) {
    return absl::FormatTime("%a %d %b %Y, %H:%M", time, terms.zone);
  };
  return Markup("<header>\n<h1>{}</h1>\n<p>{} to {} (UTC{})</p>\n</header>\n", terms.client,
                day(terms.period.begin), day(terms.period.end),
                absl::FormatTime("%Ez", terms.period.end, terms.zone));
}

Html Summary(const Figures& figures) {
  Html tiles;
  const auto tile = [&tiles](std::string_view id, std::string_view what, uint64_t count) {
    tiles += Markup("<div><dt>{}</dt><dd id=\"{}\">{}</dd></div>\n", what, id, Grouped(count));
  };
  tile("count-pinned", "times pinned", figures.lines.pinned);
  tile("count-refused", "times refused", figures.lines.refused);
  tile("count-names", "names", figures.names.size());
  tile("count-addresses", "addresses", figures.pinned.size());
  tile("count-revoked", "times revoked", figures.lines.revoked);
  tile("count-trouble", "errors", figures.lines.trouble);
  return Markup("<dl>\n{}</dl>\n", tiles);
}

// What the numbers do not tell.
Html Notes(const ReportTerms& terms, const Figures& figures) {
  Html notes;
  if (figures.left_out != 0) {
    notes += Markup(
        "<li>dnspind left out {} lines of this client, beyond the budget of its log: "
        "there was more than is counted here.</li>\n",
        Grouped(figures.left_out));
  }
  if (terms.cut) {
    notes += Markup(
        "<li>There were more lines than a report reads. What is counted here is a "
        "part.</li>\n");
  }
  if (figures.without_time != 0) {
    notes += Markup("<li>{} lines bear no time: they are counted, but not drawn over time.</li>\n",
                    Grouped(figures.without_time));
  }
  return notes.empty() ? notes : Markup("<ul class=\"notes\">\n{}</ul>\n", notes);
}

Html Legend() {
  Html legend;
  for (const LineKind& kind : kLineKinds) {
    legend += Markup(
        "<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"{}\" "
        "width=\"10\" height=\"10\" rx=\"2\"/></svg>{}</span>\n",
        kind.style, kind.name);
  }
  return Markup("<div class=\"legend\">\n{}</div>\n", legend);
}

Html ActivityTable(const Figures& figures, const absl::TimeZone& zone) {
  std::vector<Column> columns = {{"time", Markup("from")}};
  for (const LineKind& kind : kLineKinds) {
    columns.push_back({"number", Markup("{}", kind.name)});
  }
  Html rows;
  for (size_t i = 0; i < figures.steps.size(); ++i) {
    const LineCounts& counts = figures.steps[i];
    if (counts.sum() != 0) {
      const absl::Time begin = figures.first_step + figures.step * static_cast<int64_t>(i);
      std::vector<Html> cells = {Cell("time", absl::FormatTime("%a %d %b %H:%M", begin, zone))};
      for (const LineKind& kind : kLineKinds) {
        cells.push_back(NumberCell(counts.*kind.count));
      }
      rows += Row(cells);
    }
  }
  return Folded("As a table", Table(columns, rows));
}

Html Activity(const ReportTerms& terms, const Figures& figures) {
  const bool drawn = figures.lines.sum() > figures.without_time;
  Html content;
  if (drawn) {
    content += Legend();
    content += Markup("<div class=\"wide\">\n{}</div>\n", ActivityChart(figures, terms.zone));
    content += ActivityTable(figures, terms.zone);
  } else {
    content = Empty(figures.lines.sum() == 0 ? "Nothing in this time." : "No line bears a time.");
  }
  return Section("activity", "Over time",
                 fmt::format("Lines of the log, every {}. A question that a live pin answers, and "
                             "one that is answered without a pin, leave no line.",
                             DurationText(figures.step)),
                 content);
}

Html Names(const Figures& figures) {
  Html rows;
  const uint64_t most = figures.names.empty() ? 0 : figures.names.front().lines.sum();
  for (size_t i = 0; i < std::min(figures.names.size(), kNamesMax); ++i) {
    const NameFigures& name = figures.names[i];
    rows += Row({NameCell(name.name), Cell("bar", CountBar(name.lines, most)),
                 NumberCell(name.lines.pinned), NumberCell(name.lines.refused),
                 NumberCell(name.lines.revoked), NumberCell(name.addresses)});
  }
  Html content = Empty("No name was pinned or refused.");
  if (!rows.empty()) {
    content = Table({{"name", Markup("name")},
                     {"bar", Html()},
                     {"number", Markup("pinned")},
                     {"number", Markup("refused")},
                     {"number", Markup("revoked")},
                     {"number", Markup("addresses")}},
                    rows);
    content += More(figures.names.size(), kNamesMax, "names");
  }
  return Section("names", "Names by traffic",
                 "How often the log has each name: a line for each address pinned or prolonged, "
                 "and for each question refused. Octets are not counted.",
                 content);
}

Html Refusals(const ReportTerms& terms, const Figures& figures) {
  Html rows;
  for (size_t i = 0; i < std::min(figures.refusals.size(), kRefusalsMax); ++i) {
    const Refusal& refusal = figures.refusals[i];
    rows += Row({NameCell(refusal.name), Cell("words", refusal.reason), NumberCell(refusal.lines),
                 Cell("time", Moment(refusal.last, terms.zone))});
  }
  Html content = Empty("Nothing was refused.");
  if (!rows.empty()) {
    content = Table({{"name", Markup("name")},
                     {"words", Markup("why")},
                     {"number", Markup("times")},
                     {"time", Markup("last")}},
                    rows);
    content += More(figures.refusals.size(), kRefusalsMax, "names and reasons");
  }
  return Section("refusals", "Refused",
                 "Questions that were answered with a refusal, by name and reason.", content);
}

Html LifeTable(const ReportTerms& terms, const Figures& figures) {
  Html rows;
  for (size_t i = 0; i < std::min(figures.pinned.size(), kLivesMax); ++i) {
    const PinnedAddress& pin = figures.pinned[i];
    if (pin.lives.empty()) {
      break;  // as all that follow: they are in order
    }
    rows += Row({NameCell(pin.name), Cell("name", pin.address),
                 Cell("life", LifeLine(pin, terms.period, terms.zone)),
                 Cell("number", DurationText(pin.open()))});
  }
  if (rows.empty()) {
    return Empty("No line bears a time.");
  }
  Html table = Table({{"name", Markup("name")},
                      {"name", Markup("address")},
                      {"life", LifeScale(terms.period, terms.zone)},
                      {"number", Markup("open for")}},
                     rows);
  table += More(figures.pinned.size(), kLivesMax, "addresses");
  return table;
}

Html PinnedTable(const ReportTerms& terms, const Figures& figures) {
  Html rows;
  for (size_t i = 0; i < std::min(figures.pinned.size(), kPinnedMax); ++i) {
    const PinnedAddress& pin = figures.pinned[i];
    const bool drawn = !pin.lives.empty();
    const auto first = drawn ? std::optional(pin.lives.front().begin) : std::nullopt;
    const auto last = drawn ? std::optional(pin.lives.back().end) : std::nullopt;
    rows += Row({NameCell(pin.name), Cell("name", pin.address),
                 Cell("number", pin.rule == 0 ? "-" : std::to_string(pin.rule)),
                 NumberCell(pin.lines), Cell("time", Moment(first, terms.zone)),
                 Cell("time", Moment(last, terms.zone) + (pin.revoked ? ", revoked" : ""))});
  }
  Html table = Table({{"name", Markup("name")},
                      {"name", Markup("address")},
                      {"number", Markup("rule")},
                      {"number", Markup("lines")},
                      {"time", Markup("open from")},
                      {"time", Markup("to")}},
                     rows);
  table += More(figures.pinned.size(), kPinnedMax, "addresses");
  return Folded("All as a table", table);
}

Html Pins(const ReportTerms& terms, const Figures& figures) {
  Html content = Empty("Nothing was pinned.");
  if (!figures.pinned.empty()) {
    content = LifeTable(terms, figures);
    content += PinnedTable(terms, figures);
  }
  return Section("pins", "Pins by life",
                 "When each address was open under its name, the longest first, as told by its "
                 "lines: what was pinned before this time shows from its next line on.",
                 content);
}

Html Troubles(const ReportTerms& terms, const Figures& figures) {
  Html rows;
  for (size_t i = 0; i < std::min(figures.troubles.size(), kTroublesMax); ++i) {
    const Trouble& trouble = figures.troubles[i];
    rows +=
        Row({Cell("time", Moment(trouble.at, terms.zone)),
             Cell("time", trouble.blocked ? "blocked" : "error"), Cell("words", trouble.words)});
  }
  Html content = Empty("Nothing went wrong.");
  if (!rows.empty()) {
    content = Table({{"time", Markup("when")}, {"time", Markup("kind")}, {"words", Markup("what")}},
                    rows);
    content += More(figures.troubles.size(), kTroublesMax, "lines");
  }
  return Section("troubles", "Errors",
                 "Errors of this client, the newest first. It was blocked where its rules did not "
                 "parse: all is shut then.",
                 content);
}

Html Footer(const ReportTerms& terms) {
  return Markup(
      "<footer>dnspin {}, {}; {} lines read from {}. A line tells what dnspind did, not "
      "what was sent.</footer>\n",
      DNSPIN_VERSION, absl::FormatTime("%Y-%m-%d %H:%M:%S %Ez", terms.made, terms.zone),
      Grouped(terms.lines_read), terms.source);
}

}  // namespace

std::string ReportPage(const ReportTerms& terms, std::vector<JournalEvent> events) {
  const Figures figures = CountEvents(std::move(events), terms.period, terms.zone);
  Html body = Header(terms);
  body += Notes(terms, figures);
  body += Summary(figures);
  body += Activity(terms, figures);
  body += Names(figures);
  body += Refusals(terms, figures);
  body += Pins(terms, figures);
  body += Troubles(terms, figures);
  body += Footer(terms);
  std::string page =
      Markup(
          "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}: dnspin report</title>\n"
          "<style>",
          terms.client)
          .text();
  page += kReportStyle;
  page += Markup("</style>\n</head>\n<body>\n{}</body>\n</html>\n", body).text();
  return page;
}

}  // namespace dnspin
