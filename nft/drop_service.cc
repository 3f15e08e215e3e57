#include "nft/drop_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

namespace dnspin {
namespace {

constexpr std::chrono::milliseconds kPauseMin{100};
constexpr std::chrono::seconds kFirstPause{1};  // after a failure; then doubled
constexpr std::chrono::seconds kPauseMax{30};

// What the kernel has of the client, and what it is to have.
ClientChange ChangeOf(const ServedClient& client) {
  const Policy& policy = client.policy;
  ClientChange change{RulesOf(client), {}};
  change.after = change.before;
  change.after.closed_from = client.learned.ClosedFrom(policy.rules, policy.addresses);
  change.after.drops = DropElementsOf(policy, client.groups, client.learned);
  return change;
}

bool RefusesMore(const ClientChange& change) {
  std::set<std::pair<uint32_t, Address>> before;
  for (const DropElement& drop : change.before.drops) {
    before.emplace(drop.group, drop.address);
  }
  return std::any_of(change.after.drops.begin(), change.after.drops.end(),
                     [&](const DropElement& drop) {
                       return !before.contains({drop.group, drop.address});
                     });
}

std::vector<Address> AddressesOf(const DropNames& drops, const Name& name) {
  std::vector<Address> addresses;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (const auto* const some = drops.AddressesOf(name, family)) {
      addresses.insert(addresses.end(), some->begin(), some->end());
    }
  }
  return addresses;
}

}  // namespace

std::vector<ServedClient*> DropService::TakeDue(ServedClients& clients, BootTime now) {
  std::erase_if(failing_, [&](const auto& entry) {
    const auto found = clients.find(entry.first);
    return found == clients.end() || !found->second.drops_due;
  });
  due_.reset();
  std::vector<ServedClient*> due;
  for (auto& [id, client] : clients) {
    SayWhereClosed(client, now);
    if (!client.drops_due) {
      continue;
    }
    const auto failing = failing_.find(id);
    const BootTime at =
        failing == failing_.end() ? not_before_ : std::max(not_before_, failing->second.again);
    if (at <= now) {
      due.push_back(&client);
    } else {
      due_ = std::min(due_.value_or(at), at);
    }
  }
  return due;
}

std::vector<ClientId> DropService::Settle(ServedClients& clients, BootTime now) {
  if (!look_ && now < NextDeadline().value_or(BootTime::max())) {
    return {};
  }
  look_ = false;
  std::vector<ServedClient*> due = TakeDue(clients, now);
  if (due.empty()) {
    return {};
  }
  began_ = parts_.clock.Now();
  const auto alone = std::partition(due.begin(), due.end(), [this](const ServedClient* client) {
    return !failing_.contains(client->id);
  });
  std::vector<ClientId> stricter;
  std::vector<ServedClient*> single(alone, due.end());
  due.erase(alone, due.end());
  if (!due.empty() && !Apply(due, stricter, now).ok()) {
    single.insert(single.end(), due.begin(), due.end());
  }
  for (ServedClient* const client : single) {
    if (const auto status = Apply({&client, 1}, stricter, now); !status.ok()) {
      Postpone(*client, status, now);
    }
  }
  return stricter;
}

absl::Status DropService::Apply(std::span<ServedClient* const> clients,
                                std::vector<ClientId>& stricter, BootTime now) {
  std::vector<ClientChange> changes;
  for (const ServedClient* client : clients) {
    changes.push_back(ChangeOf(*client));
  }
  if (auto status = parts_.apply(changes); !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    failing_.erase(clients[i]->id);
    TakeOver(*clients[i], now);
    if (RefusesMore(changes[i])) {
      stricter.push_back(clients[i]->id);
    }
  }
  return absl::OkStatus();
}

void DropService::Postpone(const ServedClient& client, const absl::Status& status, BootTime now) {
  Failing& failing = failing_[client.id];
  failing.pause = std::clamp(2 * failing.pause, kFirstPause, kPauseMax);
  failing.again = now + failing.pause;
  due_ = std::min(due_.value_or(failing.again), failing.again);
  parts_.journal.Say(Priority::kError,
                     fmt::format("resolved addresses are not dropped for {}: {}",
                                 client.desired.name, std::string(status.message())),
                     now);
}

void DropService::Rest() {
  if (began_) {
    const BootTime ended = parts_.clock.Now();
    not_before_ = ended + std::max<BootClock::duration>(kPauseMin, 9 * (ended - *began_));
    began_.reset();
  }
}

std::optional<BootTime> DropService::NextDeadline() const {
  return due_ ? std::optional(std::max(*due_, not_before_)) : std::nullopt;
}

// The kernel has it; now everything else does.
void DropService::TakeOver(ServedClient& client, BootTime now) {
  SayResolved(client, now);
  client.drops = client.learned;
  client.drops_due = false;
  Policy& policy = client.policy;
  const uint32_t closed_from = client.drops.ClosedFrom(policy.rules, policy.addresses);
  if (closed_from != policy.closed_from) {
    policy.closed_from = closed_from;
    ++policy.generation;
    client.permissions = std::make_shared<const Permissions>(policy);
    parts_.send_policy(client, now);
  }
  SayWhereClosed(client, now);
}

void DropService::SayResolved(const ServedClient& client, BootTime now) {
  const std::string& called = client.desired.name;
  for (const Name& name : DropNamesOf(client.policy.rules)) {
    const auto before = AddressesOf(client.drops, name);
    const auto after = AddressesOf(client.learned, name);
    const bool known = client.learned.IsKnown(name, client.policy.addresses);
    if (known && (before != after || !client.drops.IsKnown(name, client.policy.addresses))) {
      parts_.journal.Write(
          {Priority::kInfo,
           fmt::format("resolved {} {}: {} addresses dropped", called, name.Text(), after.size()),
           {},
           called,
           {{"DNSPIN_NAME", name.Text()}}},
          now);
    }
  }
}

void DropService::SayWhereClosed(ServedClient& client, BootTime now) {
  const Policy& policy = client.policy;
  if (policy.closed_from == client.closed_said) {
    return;
  }
  const std::string& called = client.desired.name;
  const bool was_closed = client.closed_said < UINT32_MAX;
  const bool closed = policy.closed_from < policy.rules.size();
  client.closed_said = closed ? policy.closed_from : UINT32_MAX;
  if (closed) {
    const Rule& rule = policy.rules[policy.closed_from];
    parts_.journal.Write(
        {Priority::kNotice,
         fmt::format("closed {} behind rule {}: the addresses of {} are not known yet", called,
                     policy.closed_from + 1, rule.host->Text()),
         {},
         called,
         {{"DNSPIN_RULE", std::to_string(policy.closed_from + 1)}}},
        now);
  } else if (was_closed) {
    parts_.journal.Write(
        {Priority::kNotice,
         fmt::format("open {}: all addresses that its rules drop are known", called),
         {},
         called,
         {}},
        now);
  }
}

}  // namespace dnspin
