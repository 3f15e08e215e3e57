// Why an address is open, and what would become of a name.
#include <fmt/format.h>

#include "cli/asked_here.h"
#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/table.h"
#include "pinning/name.h"

namespace dnspin {
namespace {

std::string ServiceText(const Json& entry) {
  const std::string protocol = TextIn(entry, "protocol");
  const std::string ports = TextIn(entry, "ports");
  return ports.empty() || ports == "any" ? protocol : protocol + " " + ports;
}

std::string HoldersText(const Json& pin) {
  std::string text;
  for (const Json& holder : ListIn(pin, "holders")) {
    text += fmt::format("{}{} ({} more)", text.empty() ? "" : ", ", TextIn(holder, "name"),
                        AgeText(NumberIn(holder, "ends_in_s")));
  }
  return text;
}

std::string Section(std::string_view title, const std::string& rows, bool colours) {
  return Coloured(title, Colour::kHead, colours) + "\n" + rows + "\n";
}

std::string ReachedText(const Json& decision) {
  return In(decision, "reached") == false ? ", but a rule before it decides" : "";
}

std::string PinsSection(const Json& why, bool colours) {
  std::vector<Row> rows;
  for (const Json& pin : ListIn(why, "pins")) {
    rows.push_back({"  " + TextIn(pin, "rule"),
                    TextIn(pin, "origin"),
                    {ServiceText(pin), Colour::kGood},
                    AgeText(NumberIn(pin, "expires_in_s")) + " more",
                    HoldersText(pin) + ReachedText(pin)});
  }
  return rows.empty() ? "" : Section("Pinned by", TableText(rows, colours), colours);
}

std::string RulesSection(const Json& why, bool colours) {
  std::vector<Row> rows;
  for (const Json& rule : ListIn(why, "rules")) {
    const bool accepts = In(rule, "accepts") == true;
    rows.push_back({{accepts ? "  accepts" : "  drops", accepts ? Colour::kGood : Colour::kBad},
                    TextIn(rule, "text"),
                    TextIn(rule, "origin") + ReachedText(rule)});
  }
  return rows.empty() ? "" : Section("Rules for it", TableText(rows, colours), colours);
}

std::string AnswersSection(const Json& why, bool colours) {
  std::vector<Row> rows;
  for (const Json& answer : ListIn(why, "answers")) {
    std::string chain = TextIn(answer, "chain");
    rows.push_back({"  " + TextIn(answer, "name"), TextIn(answer, "type"),
                    AgeText(NumberIn(answer, "ago_s")) + " ago",
                    fmt::format("for {}s", NumberIn(answer, "told_s")), TextIn(answer, "standing"),
                    chain.empty() ? "" : "by " + chain});
  }
  return rows.empty() ? "" : Section("Told", TableText(rows, colours), colours);
}

std::string FlowsSection(const Json& why, bool colours) {
  std::vector<Row> rows;
  for (const Json& flow : ListIn(why, "flows")) {
    const bool counted = In(flow, "packets").is_number() && In(flow, "bytes").is_number();
    rows.push_back({"  " + TextIn(flow, "protocol"), TextIn(flow, "port"),
                    counted ? fmt::format("{} packets, {} octets", NumberIn(flow, "packets"),
                                          NumberIn(flow, "bytes"))
                            : std::string("not counted (net.netfilter.nf_conntrack_acct)")});
  }
  return rows.empty() ? "" : Section("Flows", TableText(rows, colours), colours);
}

std::string WhyText(const Json& why, bool colours) {
  const std::string client = Harmless(TextIn(why, "client"));
  const std::string address = Harmless(TextIn(why, "address"));
  const bool open = In(why, "open") == true;
  const bool unknown = ListIn(why, "pins").empty() && ListIn(why, "rules").empty();
  std::string text = fmt::format(
      "{} is {} to {}{}\n\n", address,
      open ? Coloured("open", Colour::kGood, colours) : Coloured("shut", Colour::kBad, colours),
      client, unknown ? ": no pin holds it, no rule is about it" : "");
  text += PinsSection(why, colours) + RulesSection(why, colours) + AnswersSection(why, colours) +
          FlowsSection(why, colours);
  text.pop_back();  // the empty line behind the last
  return text;
}

Cell StandingCell(const std::string& standing) {
  if (standing == "pinned") {
    return {"pinned: its addresses are opened, then told", Colour::kGood};
  }
  if (standing == "answered") {
    return {"answered: told, not pinned; only rules about addresses open any", Colour::kNote};
  }
  if (standing == "blocked") {
    return {"blocked: a drop rule names it", Colour::kBad};
  }
  if (standing == "not ready") {
    return {"not ready: it waits for the addresses of a drop rule before it", Colour::kNote};
  }
  if (standing == "prohibited") {
    return {"prohibited: no rule lets it be asked", Colour::kBad};
  }
  return {standing};
}

std::string ExplainText(const Json& explained, bool colours) {
  std::vector<Row> rows = {{"name", TextIn(explained, "name")},
                           {"standing", StandingCell(TextIn(explained, "standing"))}};
  if (const Json& rule = In(explained, "rule"); rule.is_object()) {
    const std::string origin = TextIn(rule, "origin");
    rows.push_back({"decided by", fmt::format("{}{}", TextIn(rule, "text"),
                                              origin.empty() ? "" : " (" + origin + ")")});
  }
  for (const Json& opened : ListIn(explained, "opens")) {
    rows.push_back(
        {"opens",
         {fmt::format("{} by {}", ServiceText(opened), TextIn(opened, "rule")), Colour::kGood}});
  }
  return TableText(rows, colours);
}

std::string AskedText(const AskedHere& asked, bool pinned, bool colours) {
  if (!asked.error.empty()) {
    return fmt::format("asked here: {}\n", Harmless(asked.error));
  }
  std::vector<Row> rows;
  for (const auto& [address, kind] : asked.addresses) {
    rows.push_back({"asked here", address.Text(), VerdictOf(kind, pinned)});
  }
  return TableText(rows, colours);
}

}  // namespace

Shown RunWhy(const Call& call) {
  Json request = call.RequestOf("why");
  request["address"] = call.Argument(1);
  const auto reply = call.Ask(request);
  if (!reply.ok()) {
    return reply.status();
  }
  return call.json ? JsonText(*reply) : WhyText(*reply, call.colours);
}

Shown RunExplain(const Call& call) {
  Json request = call.RequestOf("explain");
  request["name"] = call.Argument(1);
  auto reply = call.Ask(request);
  if (!reply.ok()) {
    return reply.status();
  }
  const bool pinned = TextIn(*reply, "standing") == "pinned";
  const bool ask = call.Option("--ask") != nullptr;
  const AskedHere asked = ask ? AskHere(call.Argument(1)) : AskedHere();
  if (!call.json) {
    return ExplainText(*reply, call.colours) +
           (ask ? AskedText(asked, pinned, call.colours) : std::string());
  }
  if (ask && reply->is_object()) {
    (*reply)["asked"] = AskedJson(asked, pinned);
  }
  return JsonText(*reply);
}

}  // namespace dnspin
