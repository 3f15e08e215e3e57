#include "nft/control_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "pinning/answer.h"
#include "pinning/chain_walk.h"

namespace dnspin::control {
namespace {

std::string ProtocolText(const Service& service) {
  switch (service.protocol) {
    case Protocol::kAny:
      return "any";
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kUdp:
      return "udp";
    case Protocol::kIcmp:
      return "icmp";
  }
  return {};
}

std::string PortsText(const Service& service) {
  if (!service.ports) {
    return "any";
  }
  return service.ports->first == service.ports->last
             ? fmt::format("{}", service.ports->first)
             : fmt::format("{}-{}", service.ports->first, service.ports->last);
}

int64_t Seconds(BootClock::duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

Service ServiceOf(const ServedClient& client, uint32_t number) {
  const auto group = std::find_if(client.groups.begin(), client.groups.end(),
                                  [number](const PinGroup& g) { return g.number == number; });
  return group == client.groups.end() ? Service{} : group->service;
}

Json RuleJson(const Rule& rule, size_t position) {
  return {{"number", position + 1}, {"text", rule.Text()}, {"origin", rule.origin.Text()}};
}

// The first rule of this spelling.
std::string OriginOf(const ServedClient& client, std::string_view rule_host) {
  for (const Rule& rule : client.policy.rules) {
    if (rule.PinsNames() && rule.host->Text() == rule_host) {
      return rule.origin.Text();
    }
  }
  return "";
}

std::string_view TypeText(uint16_t type) {
  switch (type) {
    case dns::kA:
      return "A";
    case dns::kAaaa:
      return "AAAA";
    case dns::kHttps:
      return "HTTPS";
    case dns::kMx:
      return "MX";
    case dns::kSrv:
      return "SRV";
    case dns::kTxt:
      return "TXT";
    case dns::kPtr:
      return "PTR";
    default:
      return "";
  }
}

std::string TypeName(uint16_t type) {
  const std::string_view known = TypeText(type);
  return known.empty() ? fmt::format("TYPE{}", type) : std::string(known);
}

std::string_view StandingText(Standing standing) {
  switch (standing) {
    case Standing::kPinned:
      return "pinned";
    case Standing::kAnswered:
      return "answered";
    case Standing::kBlocked:
      return "blocked";
    case Standing::kNotReady:
      return "not ready";
    case Standing::kProhibited:
      return "prohibited";
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

// Accept rules that spell it.
Json RulesFor(const ServedClient& client, const Address& address) {
  Json rules = Json::array();
  for (size_t position = 0; position < client.policy.rules.size(); ++position) {
    const Rule& rule = client.policy.rules[position];
    if (rule.action == Action::kAccept && rule.destination && rule.destination->Contains(address)) {
      rules.push_back(RuleJson(rule, position));
    }
  }
  return rules;
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

// What addresses were to a client, as far as is known: made once for all that is to be said.
class Meanings {
 public:
  Meanings(const ServedClient& client, BootTime now) : client_(client), now_(now) {
    for (const auto& [key, holders] : client.ledger.past()) {
      past_[key.address] = &holders.front();
    }
    for (const AskedName& asked : client.record.names()) {
      for (const Address& address : asked.addresses) {
        told_.emplace(address, &asked);  // the latest come first
      }
    }
    for (const auto& [key, pin] : client.ledger.pins()) {
      if (pin.until() > now) {
        pinned_[key.address] = {key.group, &pin.holders.front()};
      }
    }
  }

  struct Meaning {
    std::string name;
    std::string why;
  };
  Meaning Of(const Address& address) const {
    if (const auto pinned = pinned_.find(address); pinned != pinned_.end()) {
      const Service service = ServiceOf(client_, pinned->second.first);
      return {pinned->second.second->asked.Text(),
              fmt::format("pinned, but for {} {}", ProtocolText(service), PortsText(service))};
    }
    if (const auto told = told_.find(address); told != told_.end()) {
      const AskedName& asked = *told->second;
      return {asked.name.Text(), asked.pinned ? fmt::format("told {} s ago, its pin has ended",
                                                            Seconds(now_ - asked.last))
                                              : "no rule opens what this name resolves to"};
    }
    if (const auto past = past_.find(address); past != past_.end()) {
      return {past->second->asked.Text(),
              fmt::format("its pin ended {} s ago", Seconds(now_ - past->second->until))};
    }
    return {"", "this client was told no name with this address"};
  }

 private:
  const ServedClient& client_;
  BootTime now_;
  absl::flat_hash_map<Address, const PinHolder*> past_;
  absl::flat_hash_map<Address, const AskedName*> told_;
  absl::flat_hash_map<Address, std::pair<uint32_t, const PinHolder*>> pinned_;
};

std::string_view WhyRefused(const AskedName& asked) {
  switch (*asked.refused) {
    case dns::kEdeBlocked:
      return "a rule drops this name";
    case dns::kEdeProhibited:
      return "no rule lists this name";
    case dns::kEdeFiltered:
      return "it answers with addresses that it may not";
    case dns::kEdeNotReady:
      return "a rule in front of it is not resolved yet";
    default:
      return "refused";
  }
}

}  // namespace

Json BlockedOf(const ServedClient& client, BootTime now) {
  Json list = Json::array();
  const Meanings meanings(client, now);
  for (const SeenPacket& seen : client.packets.all()) {
    if (seen.packet.accepted) {
      continue;
    }
    const auto meaning = meanings.Of(seen.packet.destination);
    list.push_back({{"client", client.desired.name},
                    {"name", meaning.name},
                    {"address", seen.packet.destination.Text()},
                    {"protocol", seen.Protocol()},
                    {"port", seen.packet.port},
                    {"count", seen.count},
                    {"first_ago_s", Seconds(now - seen.first)},
                    {"last_ago_s", Seconds(now - seen.last)},
                    {"why", meaning.why}});
  }
  for (const AskedName& asked : client.record.names()) {
    if (asked.refused) {
      list.push_back({{"client", client.desired.name},
                      {"name", asked.name.Text()},
                      {"address", ""},
                      {"protocol", "dns"},
                      {"port", 0},
                      {"count", asked.count},
                      {"first_ago_s", Seconds(now - asked.first)},
                      {"last_ago_s", Seconds(now - asked.last)},
                      {"why", WhyRefused(asked)}});
    }
  }
  return list;
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
  Json pins = Json::array();
  for (const auto& [key, pin] : client.ledger.pins()) {
    if (key.address == address && pin.until() > now) {
      Json entry = PinJson(client, key, pin, now);
      entry.erase("client");
      entry.erase("address");
      entry["origin"] = OriginOf(client, pin.holders.front().rule_host.view());
      entry["holders"] = HoldersOf(pin, now);
      pins.push_back(std::move(entry));
    }
  }
  return {{"client", client.desired.name},
          {"address", address.Text()},
          {"pins", std::move(pins)},
          {"answers", AnswersWith(client, address, now)},
          {"rules", RulesFor(client, address)},
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
                       {"rule", RuleJson(rule, position)}});
    }
  }
  return {{"client", client.desired.name},
          {"name", name.Text()},
          {"standing", StandingText(permission.standing)},
          {"rule", decided ? RuleJson(rules[permission.rule], permission.rule) : Json()},
          {"opens", std::move(opens)}};
}

Json RecordOf(const ServedClient& client, BootTime now) {
  Json rules = Json::array();
  for (size_t position = 0; position < client.policy.rules.size(); ++position) {
    rules.push_back(RuleJson(client.policy.rules[position], position));
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
                      {"kind", asked.refused  ? "refused"
                               : asked.pinned ? "pinned"
                                              : "answered"},
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
