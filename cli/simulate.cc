// What rules that are not in force yet would have done.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/rules_file.h"
#include "cli/simulation.h"
#include "cli/table.h"

namespace dnspin {
namespace {

using Change = SimulatedRow::Change;

Json AsJson(const std::string& client, const std::vector<SimulatedRow>& rows) {
  Json list = Json::array();
  for (const SimulatedRow& row : rows) {
    const char* const change = row.change == Change::kRefused  ? "refused"
                               : row.change == Change::kOpened ? "opened"
                                                               : "none";
    list.push_back({{"what", row.what},
                    {"now", row.now},
                    {"then", row.then},
                    {"rule", row.origin},
                    {"change", change}});
  }
  return {{"client", client}, {"rows", list}};
}

std::string AsText(const std::vector<SimulatedRow>& rows, bool all, bool colours) {
  std::vector<Row> cells;
  for (const SimulatedRow& row : rows) {
    const Colour colour = row.change == Change::kRefused  ? Colour::kBad
                          : row.change == Change::kOpened ? Colour::kGood
                                                          : Colour::kNone;
    if (all || row.change != Change::kNone) {
      cells.push_back(
          {row.what, row.now, {row.then, colour}, row.origin.empty() ? "-" : row.origin});
    }
  }
  const auto count = [&](Change change) {
    return std::ranges::count(rows, change, &SimulatedRow::change);
  };
  const std::string table =
      cells.empty() ? "" : TableText({"NAME", "NOW", "THEN", "RULE"}, std::move(cells), colours);
  return table + fmt::format("{} refused that were not, {} opened that were not, {} as they are\n",
                             count(Change::kRefused), count(Change::kOpened), count(Change::kNone));
}

}  // namespace

Shown RunSimulate(const Call& call) {
  const auto file = ReadRulesFile(call.Argument(1));
  if (!file.ok()) {
    return file.status();
  }
  for (const Diagnostic& said : file->said) {
    std::fprintf(stderr, "%s\n", said.Text().c_str());
  }
  if (HasErrors(file->said)) {
    return absl::FailedPreconditionError("dnspind would refuse this file");
  }
  const auto reply = call.Ask(call.RequestOf("record"));
  if (!reply.ok()) {
    return reply.status();
  }
  const RecordedClient record = ReadRecord(*reply);
  const auto rows = Simulate(record, file->rules);
  const bool all = call.Option("--all") != nullptr;
  return call.json ? JsonText(AsJson(record.client, rows)) : AsText(rows, all, call.colours);
}

}  // namespace dnspin
