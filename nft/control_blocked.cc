// What was refused, packets and names.

#include <string_view>

#include "nft/control_client.h"
#include "nft/control_meanings.h"
#include "nft/control_words.h"
#include "nft/deciding_rules.h"
#include "pinning/answer.h"

namespace dnspin::control {
namespace {

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

// The rule that drops the name; null: it is refused for want of one.
Json RuleFor(const ServedClient& client, const AskedName& asked) {
  const Permission permission = client.permissions->Judge(asked.name);
  return permission.standing == Standing::kBlocked ? RuleJson(client, permission.rule) : Json();
}

}  // namespace

Json BlockedOf(const ServedClient& client, BootTime now) {
  Json list = Json::array();
  const Meanings meanings(client, now);
  const DecidingRules deciding(client);
  for (const SeenPacket& seen : client.packets.all()) {
    if (seen.packet.accepted) {
      continue;
    }
    const auto meaning = meanings.Of(seen.packet.destination);
    const auto rule = deciding.DropOf(seen.packet);
    list.push_back({{"client", client.desired.name},
                    {"name", meaning.name},
                    {"address", seen.packet.destination.Text()},
                    {"protocol", seen.Protocol()},
                    {"port", seen.packet.port},
                    {"count", seen.count},
                    {"first_ago_s", Seconds(now - seen.first)},
                    {"last_ago_s", Seconds(now - seen.last)},
                    {"why", rule ? "a rule drops it" : meaning.why},
                    {"rule", rule ? RuleJson(client, *rule) : Json()}});
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
                      {"why", WhyRefused(asked)},
                      {"rule", RuleFor(client, asked)}});
    }
  }
  return list;
}

}  // namespace dnspin::control
