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
constexpr std::chrono::seconds kPauseAfterFailure{1};

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

std::vector<ClientId> DropService::Settle(ServedClients& clients, BootTime now) {
  std::vector<ServedClient*> due;
  for (auto& [id, client] : clients) {
    SayWhereClosed(client, now);
    if (client.drops_due) {
      due.push_back(&client);
    }
  }
  due_ = due.empty() ? std::nullopt : std::optional(not_before_);
  if (due.empty() || now < not_before_) {
    return {};
  }
  std::vector<ClientChange> changes;
  changes.reserve(due.size());
  for (const ServedClient* client : due) {
    changes.push_back(ChangeOf(*client));
  }
  const BootTime began = clock_.Now();
  const absl::Status status = firewall_.ApplyDrops(changes);
  const BootTime ended = clock_.Now();
  if (!status.ok()) {
    journal_.Say(
        Priority::kError,
        fmt::format("resolved addresses are not dropped: {}", std::string(status.message())), now);
    not_before_ = ended + kPauseAfterFailure;
    due_ = not_before_;
    return {};
  }
  not_before_ = ended + std::max<BootClock::duration>(kPauseMin, 9 * (ended - began));
  due_.reset();
  std::vector<ClientId> stricter;
  for (size_t i = 0; i < due.size(); ++i) {
    TakeOver(*due[i], now);
    if (RefusesMore(changes[i])) {
      stricter.push_back(due[i]->id);
    }
  }
  return stricter;
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
    readers_.SendPolicy(client, now);
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
      journal_.Write(
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
    journal_.Write({Priority::kNotice,
                    fmt::format("closed {} behind rule {}: the addresses of {} are not known yet",
                                called, policy.closed_from + 1, rule.host->Text()),
                    {},
                    called,
                    {{"DNSPIN_RULE", std::to_string(policy.closed_from + 1)}}},
                   now);
  } else if (was_closed) {
    journal_.Write({Priority::kNotice,
                    fmt::format("open {}: all addresses that its rules drop are known", called),
                    {},
                    called,
                    {}},
                   now);
  }
}

}  // namespace dnspin
