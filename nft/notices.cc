#include "nft/notices.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace dnspin {

void Notices::Say(const Desired& desired, Reading reading, BootTime now) {
  if (reading == Reading::kAll) {
    warned_.clear();
    blocked_.clear();
  }
  std::set<std::string> warned;
  for (const std::string& warning : desired.warnings) {
    if (warned.insert(warning).second && !warned_.contains(warning)) {
      journal_.Say(Priority::kWarning, warning, now);
    }
  }
  warned_ = std::move(warned);
  SayBlocked(desired, now);
}

void Notices::SayBlocked(const Desired& desired, BootTime now) {
  std::map<std::string, std::string> blocked;
  for (const DesiredClient& client : desired.clients) {
    if (client.fault.empty()) {
      continue;
    }
    blocked[client.name] = client.fault;
    const auto before = blocked_.find(client.name);
    if (before == blocked_.end() || before->second != client.fault) {
      const std::string message =
          fmt::format("blocked {}: its rules do not parse: {}", client.name, client.fault);
      journal_.Write({Priority::kError, message, "blocked", client.name, {}}, now);
    }
  }
  blocked_ = std::move(blocked);
}

void LogRevoked(Journal& journal, const ServedClient& before, const ServedClient& after,
                BootTime now) {
  std::set<Address> pinned;
  for (const auto& [key, pin] : after.ledger.pins()) {
    pinned.insert(key.address);
  }
  for (const auto& [key, pin] : before.ledger.pins()) {
    if (pin.until() <= now || !pinned.insert(key.address).second) {
      continue;
    }
    const std::string name = pin.holders.front().asked.Text();
    const std::string address = key.address.Text();
    journal.Write({Priority::kInfo,
                   fmt::format("revoked {} {} {}: no rule lists it any more", after.policy.client,
                               name, address),
                   "revoked",
                   after.policy.client,
                   {{"DNSPIN_NAME", name}, {"DNSPIN_ADDRESS", address}}},
                  now);
  }
}

}  // namespace dnspin
