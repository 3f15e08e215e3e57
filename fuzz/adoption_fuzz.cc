// A restart finds anything in the kernel's sets, comments that anybody may have written included.
// What must hold, by the model that knows the rules as text:
//  - a pin is adopted under a rule that lists its name, or may have granted it, in that rule's set,
//    with an address that it may have, for no longer than the kernel holds it;
//  - what an earlier dnspind wrote for a name that its rules still list is adopted as that;
//  - names of sets and comments are read as they were written.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/judge_model.h"
#include "fuzz/judge_stage.h"
#include "fuzz/script.h"
#include "nft/adoption.h"
#include "nft/client_chain.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr BootTime kNow{std::chrono::seconds(1000)};

struct Found {
  KernelPin pin;
  std::string rule_host, asked;  // where they are a comment's whole text
};

Found FoundOf(Script& script, const ServedClient& client) {
  Found found;
  KernelPin& pin = found.pin;
  const uint8_t way = script.Octet();
  pin.address = *Address::Parse(kAddresses[script.Octet() % kAddresses.size()]);
  pin.family = pin.address.family();
  pin.left = std::chrono::milliseconds(script.Number() * 8);
  const auto first = FirstAddress(client.desired.addresses, pin.family);
  pin.set = way % 2 == 0 && first ? PinSetName(*first, script.Octet() % 8)
                                  : std::string(script.Text(script.Octet() % 48));
  if (way % 4 < 2) {
    found.rule_host = kHosts[script.Octet() % kHosts.size()];
    const Name& asked = ParsedNames()[script.Octet() % kNames.size()];
    found.asked = asked.Text();
    pin.comment = PinComment(found.rule_host, asked);
  } else {
    pin.comment = script.Text(script.Octet());
  }
  return found;
}

void CheckText(const Found& found) {
  if (!found.asked.empty()) {
    const CommentParts parts = ReadPinComment(found.pin.comment);
    DNSPIN_CHECK(parts.rule_host == found.rule_host && parts.asked == found.asked);
  }
  if (const auto parts = ReadPinSetName(found.pin.set)) {
    DNSPIN_CHECK(found.pin.set == "pin-" + parts->label + "-" + std::to_string(parts->group));
  }
}

const PinGroup* GroupOf(const ServedClient& client, uint32_t number) {
  const auto found = std::find_if(client.groups.begin(), client.groups.end(),
                                  [number](const PinGroup& g) { return g.number == number; });
  return found == client.groups.end() ? nullptr : &*found;
}

// True if the kernel's element, read by its letters alone, is the reason for the holder.
bool IsReason(const KernelPin& element, const ServedClient& client, const PinKey& key,
              const PinHolder& holder) {
  const auto first = FirstAddress(client.desired.addresses, key.address.family());
  return first && element.address == key.address && element.family == key.address.family() &&
         element.set.starts_with("pin-" + AddressLabel(*first) + "-") &&
         element.comment.starts_with(holder.rule_host) && holder.until <= kNow + element.left;
}

void CheckAdopted(const ServedClient& client, const model::Client& model,
                  const std::vector<Found>& found) {
  for (const auto& entry : client.ledger.pins()) {
    const PinKey& key = entry.first;
    const PinGroup* const group = GroupOf(client, key.group);
    DNSPIN_CHECK(group != nullptr && group->action == Action::kAccept);
    for (const PinHolder& holder : entry.second.holders) {
      const std::string rule_host(holder.rule_host.view());
      const std::string asked = holder.asked.Text();
      const bool spelled =
          std::any_of(group->rules.begin(), group->rules.end(), [&](uint32_t position) {
            return client.policy.rules[position].host->Text() == holder.rule_host;
          });
      const auto reason = std::find_if(found.begin(), found.end(), [&](const Found& one) {
        return IsReason(one.pin, client, key, holder);
      });
      DNSPIN_CHECK(spelled && reason != found.end());
      DNSPIN_CHECK(model.MayAnswer(asked, OctetsOf(key.address)));
      const bool vague = std::any_of(found.begin(), found.end(), [&](const Found& one) {
        return one.asked.empty() && IsReason(one.pin, client, key, holder);
      });  // a text of some kind, perhaps without a whole name: it stays until the rules change
      DNSPIN_CHECK(
          vague || model.MayBeGranted(rule_host, asked) ||
          model.Explains(rule_host, asked, OctetsOf(key.address), ServiceText(group->service)));
    }
  }
}

bool IsAdopted(const ServedClient& client, const Found& found) {
  return std::any_of(
      client.ledger.pins().begin(), client.ledger.pins().end(), [&](const auto& entry) {
        const auto& holders = entry.second.holders;
        return entry.first.address == found.pin.address &&
               std::any_of(holders.begin(), holders.end(), [&](const PinHolder& holder) {
                 return holder.rule_host == found.rule_host && holder.asked.Text() == found.asked;
               });
      });
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  Script script(bytes, size);
  const size_t rules = script.Octet() % kRules.size();
  ServedClient client = ClientOf(ClientId{1}, rules, true);
  const model::Client model(kRules[rules], ModelTerms(true));
  std::vector<Found> found;
  KernelView view;
  while (!script.Over() && found.size() < 10) {  // fewer than a pin may have holders
    found.push_back(FoundOf(script, client));
    CheckText(found.back());
    view.pins.push_back(found.back().pin);
  }
  const Inheritance inheritance(std::move(view), {});
  inheritance.AdoptPins(client, kNow);
  CheckAdopted(client, model, found);
  for (const Found& one : found) {
    const auto parts = ReadPinSetName(one.pin.set);
    const auto first = FirstAddress(client.desired.addresses, one.pin.family);
    const bool own = parts && first && parts->label == AddressLabel(*first);
    const bool listed = std::any_of(client.groups.begin(), client.groups.end(), [&](const auto& g) {
      return g.action == Action::kAccept &&
             model.Explains(one.rule_host, one.asked, OctetsOf(one.pin.address),
                            ServiceText(g.service));
    });
    DNSPIN_CHECK(one.asked.empty() || !own || one.pin.left.count() == 0 ||
                 IsAdopted(client, one) ==
                     (listed || model.MayBeGranted(one.rule_host, one.asked)) ||
                 !model.MayAnswer(one.asked, OctetsOf(one.pin.address)));
  }
  return 0;
}
