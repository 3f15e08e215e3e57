#include "nft/netvm.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "nft/set_reader.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kAwaitMax{10};
constexpr std::chrono::milliseconds kAwaitStep{50};
constexpr std::chrono::milliseconds kLookPause{100};  // after a look that failed

// `but`: sorted.
void Join(const std::vector<Vif>& vifs, const std::vector<Address>& but,
          std::map<std::string, std::vector<Address>>& all) {
  for (const Vif& vif : vifs) {
    auto& addresses = all[vif.interface];
    std::copy_if(vif.addresses.begin(), vif.addresses.end(), std::back_inserter(addresses),
                 [&](const Address& address) {
                   return !std::binary_search(but.begin(), but.end(), address);
                 });
  }
}

}  // namespace

void Netvm::Await(Clock& clock) {
  const BootTime end = clock.Now() + kAwaitMax;
  while (!source_.known() && clock.Now() < end) {
    pollfd waiting{source_.fd(), POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(kAwaitStep.count()));
    Look(true, clock.Now());
  }
  if (!source_.known()) {
    journal_.Say(Priority::kError, "QubesDB says nothing: nobody is a client until it does",
                 clock.Now());
  }
  Look(true, clock.Now());
}

bool Netvm::Look(bool routes_changed, BootTime now) {
  const bool moved = FollowVifs(routes_changed, now);
  RuleSource::News news = source_.Serve(now);
  if (!news.trouble.empty()) {
    journal_.Say(Priority::kError, news.trouble + "; the rules in force stay", now);
  }
  handled_.Take(news.told);
  handled_.Write();
  const bool due = unsettled_.TakeDue(now);
  return moved || news.changed || !news.told.empty() || due;
}

// Looks who is there, if that may have changed.
bool Netvm::FollowVifs(bool routes_changed, BootTime now) {
  const bool touched = ruleset_watch_.TakeAllowedTouched();
  const bool due = look_again_at_ && *look_again_at_ <= now;
  if (!touched && !due && !routes_changed) {
    return false;
  }
  look_again_at_.reset();
  const auto before = vifs_;
  if (const absl::Status status = LookAtVifs(); !status.ok()) {
    look_again_at_ = now + kLookPause;
    if (!std::exchange(blind_, true)) {
      journal_.Say(Priority::kError,
                   "who is there cannot be seen: " + std::string(status.message()), now);
    }
    return false;
  }
  blind_ = false;
  if (vifs_ == before) {
    return false;
  }
  std::map<std::string, std::set<std::string>> targets;
  for (const Vif& vif : vifs_) {
    for (const Address& address : vif.addresses) {
      targets[address.Text()].insert(vif.interface);
    }
  }
  source_.Follow(targets);
  return true;
}

// Of each family by its set, or where that is missing by its routes.
absl::Status Netvm::LookAtVifs() {
  std::map<std::string, std::vector<Address>> all;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto allowed = ReadAllowed(family);
    if (!allowed.ok()) {
      return allowed.status();
    }
    if (allowed->has_value()) {
      Join(**allowed, {}, all);
      continue;
    }
    const auto routes = routes_.HostRoutes(family);
    const auto own = routes.ok() ? routes_.OwnAddresses() : routes.status();
    if (!own.ok()) {
      return own.status();
    }
    Join(*routes, *own, all);
  }
  vifs_.clear();
  for (auto& [interface, addresses] : all) {
    const auto there = routes_.IndexOf(interface);
    if (!there.ok()) {
      return there.status();
    }
    if (!there->has_value()) {
      continue;  // its element was left behind
    }
    std::sort(addresses.begin(), addresses.end());
    vifs_.push_back({interface, std::move(addresses)});
  }
  return absl::OkStatus();
}

std::optional<BootTime> Netvm::NextDeadline() const {
  std::optional<BootTime> next = source_.NextDeadline();
  for (const auto& due : {look_again_at_, unsettled_.NextDeadline(), names_.NextDeadline()}) {
    next = due && (!next || *due < *next) ? due : next;
  }
  return next;
}

void Netvm::TellHandled() {
  handled_.InForce([this](const std::string& target) {
    const auto address = Address::Parse(target);
    return address && unsettled_.Keeps(*address);  // of this client what was in force still is
  });
  handled_.Write();
}

}  // namespace dnspin
