#include "nft/surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pinning/kernel_name.h"

namespace dnspin {

std::optional<Interface> Surroundings::InterfaceTowards(const Address& address) const {
  auto interface = routes_.Towards(address);
  return interface.ok() ? *std::move(interface) : std::nullopt;  // no route: nowhere, for now
}

bool Surroundings::IsClients(const std::optional<Interface>& interface) const {
  return interface && MatchesInterface(client_interfaces_, interface->name);
}

Whereabouts Surroundings::WhereaboutsOf(const DesiredClient& client) const {
  const Place place{client.addresses, client.interfaces};
  if (const auto known = whereabouts_.find(place); known != whereabouts_.end()) {
    return known->second;
  }
  Whereabouts asked = AskWhereaboutsOf(client);
  if (asked.sure) {
    whereabouts_.emplace(place, asked);
  }
  return asked;
}

Whereabouts Surroundings::AskWhereaboutsOf(const DesiredClient& client) const {
  Whereabouts found;
  for (const std::string& name : client.interfaces) {
    const auto index = routes_.IndexOf(name);
    found.sure = found.sure && index.ok();
    if (index.ok() && index->has_value()) {
      found.interfaces.push_back({**index, name});
    }
  }
  if (!client.interfaces.empty()) {
    return found;
  }
  for (const Address& address : client.addresses) {
    auto interface = routes_.Towards(address);
    found.sure = found.sure && interface.ok();
    if (interface.ok() && IsClients(*interface)) {
      return {{**std::move(interface)}};
    }
  }
  return found;
}

void Surroundings::Forget() {
  whereabouts_.clear();
  ++revision_;
}

void Surroundings::Look(const Desired& desired, BootTime now) {
  if (client_interfaces_ != desired.ruleset.interfaces) {
    client_interfaces_ = desired.ruleset.interfaces;
    Forget();
  }
  if (auto local = routes_.OwnAddresses(); local.ok()) {
    local_ = *std::move(local);  // else those of before stay: none may be forgotten
  }
  const auto own_before = std::exchange(own_, local_);
  for (const DesiredClient& client : desired.clients) {
    own_.insert(own_.end(), client.addresses.begin(), client.addresses.end());
  }
  std::sort(own_.begin(), own_.end());
  own_.erase(std::unique(own_.begin(), own_.end()), own_.end());
  const auto upstreams_before = std::exchange(upstreams_, {});
  const auto not_asked_before = std::exchange(not_asked_, {});
  for (const Endpoint& endpoint : desired.upstreams) {
    const auto interface = InterfaceTowards(endpoint.address);
    // A client could answer there, and would be asked about the others.
    (IsClients(interface) ? not_asked_ : upstreams_)
        .push_back({endpoint, interface ? interface->name : std::string()});
  }
  if (own_ != own_before || upstreams_ != upstreams_before) {
    ++revision_;
  }
  for (const Upstream& upstream : not_asked_) {
    if (std::find(not_asked_before.begin(), not_asked_before.end(), upstream) ==
        not_asked_before.end()) {
      journal_.Say(Priority::kWarning,
                   fmt::format("upstream {} is behind client interface {}: it is not asked",
                               upstream.endpoint.Text(), upstream.interface),
                   now);
    }
  }
}

}  // namespace dnspin
