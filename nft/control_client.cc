#include "nft/control_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "nft/control_meanings.h"
#include "nft/control_words.h"
#include "nft/deciding_rules.h"
#include "pinning/answer.h"
#include "pinning/chain_walk.h"

namespace dnspin::control {
namespace {

// The first rule of this spelling.
std::string OriginOf(const ServedClient& client, std::string_view rule_host) {
  for (const Rule& rule : client.policy.rules) {
    if (rule.PinsNames() && rule.host->Text() == rule_host) {
      return rule.origin.Text();
    }
  }
  return "";
}

// As it was told last.
std::string_view StandingText(const AskedName& asked) {
  if (!asked.refused) {
    return asked.pinned ? "pinned" : "answered";
  }
  return *asked.refused == dns::kEdeBlocked    ? "blocked"
         : *asked.refused == dns::kEdeNotReady ? "not ready"
                                               : "prohibited";
}

std::string_view KindOf(const AskedName& asked) {
  return asked.refused                   ? "refused"
         : asked.rcode == dns::kServFail ? "failed"
         : asked.pinned                  ? "pinned"
                                         : "answered";
}

template <typename T>
Json Texts(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) {
    list.push_back(value.Text());
  }
  return list;
}

Json PinJson(const ServedClient& client, const PinKey& key, const Pin& pin, BootTime now) {
  const PinHolder& holder = pin.holders.front();
  const Service service = ServiceOf(client, key.group);
  return {{"client", client.desired.name},
          {"address", key.address.Text()},
          {"name", holder.asked.Text()},
          {"rule", holder.rule_host},
          {"protocol", ProtocolText(service)},
          {"ports", PortsText(service)},
          {"expires_in_s", Seconds(pin.until() - now)}};
}

Json HoldersOf(const Pin& pin, BootTime now) {
  Json holders = Json::array();
  for (const PinHolder& holder : pin.holders) {
    if (holder.until > now) {
      holders.push_back({{"rule", holder.rule_host},
                         {"name", holder.asked.Text()},
                         {"ends_in_s", Seconds(holder.until - now)}});
    }
  }
  return holders;
}

Json AnswersWith(const ServedClient& client, const Address& address, BootTime now) {
  Json answers = Json::array();
  for (const AskedName* asked : client.record.With(address)) {
    answers.push_back({{"name", asked->name.Text()},
                       {"type", TypeName(asked->type)},
                       {"chain", Texts(asked->chain)},
                       {"told_s", asked->told_s},
                       {"ago_s", Seconds(now - asked->last)},
                       {"standing", StandingText(*asked)}});
  }
  return answers;
}

Json FlowsTo(const ServedClient& client, const Address& address, const FindFlows& find) {
  const auto flows = find(client, address);
  if (!flows.ok()) {
    return nullptr;
  }
  Json list = Json::array();
  for (const Flow& flow : *flows) {
    const auto count = [](std::optional<uint64_t> value) { return value ? Json(*value) : Json(); };
    list.push_back({{"protocol", dnspin::ProtocolText(flow.packet.protocol)},
                    {"port", flow.packet.port},
                    {"packets", count(flow.packets)},
                    {"bytes", count(flow.octets)}});
  }
  return list;
}

Json NameJson(const ServedClient& client, const AskedName& asked, BootTime now) {
  const Permission permission = client.permissions->Judge(asked.name);
  const bool listed = permission.standing == Standing::kPinned;
  const auto& rules = client.policy.rules;
  return {{"name", asked.name.Text()},
          {"type", asked.type == 0 ? "" : TypeName(asked.type)},
          {"standing", StandingText(asked)},
          {"rule", listed && permission.rule < rules.size() ? rules[permission.rule].Text() : ""},
          {"count", asked.count},
          {"first_ago_s", Seconds(now - asked.first)},
          {"last_ago_s", Seconds(now - asked.last)},
          {"chain", Texts(asked.chain)},
          {"addresses", Texts(asked.addresses)},
          {"ports", client.packets.UsedWith(asked.addresses)}};
}

}  // namespace

Json RuleJson(const ServedClient& client, size_t position) {
  const Rule& rule = client.policy.rules[position];
  return {{"number", position + 1}, {"text", rule.Text()}, {"origin", rule.origin.Text()}};
}

Json PinsOf(const ServedClient& client, BootTime now) {
  Json list = Json::array();
  for (const auto& [key, pin] : client.ledger.pins()) {
    if (pin.until() > now) {
      list.push_back(PinJson(client, key, pin, now));
    }
  }
  return list;
}

Json WhyOf(const ServedClient& client, const Address& address, const FindFlows& find,
           BootTime now) {
  bool open = false;
  Json rules = Json::array();
  std::map<uint32_t, bool> reached;  // by group
  for (const auto& decision : DecidingRules(client).On(address)) {
    const bool accepts = client.policy.rules[decision.rule].action == Action::kAccept;
    open = open || (accepts && decision.reached);
    if (accepts && decision.group != 0) {
      reached[decision.group] = decision.reached;
      continue;
    }
    Json rule = RuleJson(client, decision.rule);
    rule["accepts"] = accepts;
    rule["reached"] = decision.reached;
    rules.push_back(std::move(rule));
  }
  Json pins = Json::array();
  for (const auto& [key, pin] : client.ledger.pins()) {
    if (key.address == address && pin.until() > now) {
      Json entry = PinJson(client, key, pin, now);
      entry.erase("client");
      entry.erase("address");
      entry["origin"] = OriginOf(client, pin.holders.front().rule_host.view());
      entry["reached"] = reached[key.group];
      entry["holders"] = HoldersOf(pin, now);
      pins.push_back(std::move(entry));
    }
  }
  return {{"client", client.desired.name},
          {"address", address.Text()},
          {"open", open},
          {"pins", std::move(pins)},
          {"answers", AnswersWith(client, address, now)},
          {"rules", std::move(rules)},
          {"flows", FlowsTo(client, address, find)}};
}

Json ExplanationOf(const ServedClient& client, const Name& name) {
  const Permission permission = client.permissions->Judge(name);
  const auto& rules = client.policy.rules;
  const bool decided =
      permission.standing != Standing::kProhibited && permission.rule < rules.size();
  Json opens = Json::array();
  if (permission.standing == Standing::kPinned) {
    for (const uint32_t position : permission.pinned) {
      const Rule& rule = rules[position];
      opens.push_back({{"protocol", ProtocolText(rule.service)},
                       {"ports", PortsText(rule.service)},
                       {"rule", rule.Text()}});
    }
  }
  return {{"client", client.desired.name},
          {"name", name.Text()},
          {"standing", StandingText(permission.standing)},
          {"rule", decided ? RuleJson(client, permission.rule) : Json()},
          {"opens", std::move(opens)}};
}

Json RecordOf(const ServedClient& client, BootTime now) {
  Json rules = Json::array();
  for (size_t position = 0; position < client.policy.rules.size(); ++position) {
    rules.push_back(RuleJson(client, position));
  }
  Json names = Json::array();
  for (const AskedName& asked : client.record.names()) {
    names.push_back(NameJson(client, asked, now));
  }
  return {{"client", client.desired.name},
          {"rules", std::move(rules)},
          {"names", std::move(names)},
          {"blocked", BlockedOf(client, now)}};
}

std::vector<Json> EventsOf(const ServedClient& client, BootTime after, BootTime now) {
  std::vector<Json> events;
  for (const AskedName& asked : client.record.names()) {
    if (asked.last <= after) {
      break;  // the latest come first
    }
    events.push_back({{"at", asked.last.time_since_epoch().count()},
                      {"client", client.desired.name},
                      {"kind", KindOf(asked)},
                      {"name", asked.name.Text()},
                      {"type", asked.type == 0 ? "" : TypeName(asked.type)},
                      {"addresses", Texts(asked.addresses)},
                      {"ago_s", Seconds(now - asked.last)}});
  }
  if (client.packets.all().empty() || client.packets.all().front().last <= after) {
    return events;
  }
  const Meanings meanings(client, now);
  for (const SeenPacket& seen : client.packets.all()) {
    if (seen.last <= after) {
      break;
    }
    if (!seen.packet.accepted) {
      const auto meaning = meanings.Of(seen.packet.destination);
      events.push_back({{"at", seen.last.time_since_epoch().count()},
                        {"client", client.desired.name},
                        {"kind", "blocked"},
                        {"name", meaning.name},
                        {"type", fmt::format("{}/{}", seen.Protocol(), seen.packet.port)},
                        {"addresses", Json::array({seen.packet.destination.Text()})},
                        {"ago_s", Seconds(now - seen.last)}});
    }
  }
  return events;
}

}  // namespace dnspin::control
