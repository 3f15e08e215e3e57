#include "nft/unsettled.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nft/served_client.h"

namespace dnspin {

void Unsettled::Keep(Desired& desired, const Desired& in_force, BootTime now) {
  settle_at_.reset();
  kept_.clear();
  std::map<std::string, BootTime> since;
  for (DesiredClient& client : desired.clients) {
    if (!client.unsettled || client.interfaces.empty()) {
      continue;
    }
    const std::string& interface = client.interfaces.front();
    const auto known = since_.find(interface);
    const BootTime began = known != since_.end() ? known->second : now;
    since[interface] = began;
    if (began + kMax <= now) {
      desired.warnings.push_back(fmt::format(
          "{}: dom0's rules for its IPv4 and its IPv6 address are not of one list: only what was "
          "written last counts, the other address is shut",
          client.name));
      continue;
    }
    settle_at_ = std::min(settle_at_.value_or(began + kMax), began + kMax);
    kept_.insert(client.addresses.begin(), client.addresses.end());
    const auto before =
        std::find_if(in_force.clients.begin(), in_force.clients.end(), [&](const auto& one) {
          return std::find(one.interfaces.begin(), one.interfaces.end(), interface) !=
                 one.interfaces.end();
        });
    if (before != in_force.clients.end()) {
      client.addresses = before->addresses;
      std::erase_if(client.addresses, [&](const Address& address) {
        return std::any_of(desired.clients.begin(), desired.clients.end(), [&](const auto& other) {
          return &other != &client && std::find(other.addresses.begin(), other.addresses.end(),
                                                address) != other.addresses.end();
        });
      });
      kept_.insert(before->addresses.begin(), before->addresses.end());
      client.rules = before->rules;
      client.fault = before->fault;
    }
  }
  since_ = std::move(since);
}

bool Unsettled::TakeDue(BootTime now) {
  const bool due = settle_at_ && *settle_at_ <= now;
  if (due) {
    settle_at_.reset();
  }
  return due;
}

}  // namespace dnspin
