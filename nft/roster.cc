#include "nft/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "nft/notices.h"
#include "nft/pin_moves.h"
#include "nft/preparation.h"
#include "nft/whole_ruleset.h"
#include "nft/widening.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kCutPause{1};
constexpr std::chrono::seconds kDoorPause{1};
constexpr std::chrono::seconds kDoorPauseMax{60};
constexpr size_t kFirst = 8;  // at the start; what the others cost would be waited for
constexpr size_t kNext = 64;
constexpr std::chrono::milliseconds kHeadStart{10};  // for the first ones' first answers

void Append(std::vector<Address>& addresses, const std::vector<Address>& more) {
  addresses.insert(addresses.end(), more.begin(), more.end());
}

std::vector<const ServedClient*> AllOf(const ServedClients& clients) {
  std::vector<const ServedClient*> all;
  for (const auto& [id, client] : clients) {
    all.push_back(&client);
  }
  return all;
}

std::string Words(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

// Whose door does not open stays outside, where all is shut, and keeps nobody waiting.
void Roster::OpenDoors(ServedClients& arrived, const Inheritance* inheritance, BootTime now) {
  for (auto& [id, client] : arrived) {
    const uint16_t wished = inheritance != nullptr ? inheritance->DoorOf(client) : 0;
    if (const absl::Status status = readers_.OpenDoor(client, wished); !status.ok()) {
      journal_.Write({Priority::kError,
                      fmt::format("{} is not served yet, its door does not open: {}",
                                  client.desired.name, Words(status)),
                      "error",
                      client.desired.name,
                      {}},
                     now);
    }
  }
  const size_t outside =
      std::erase_if(arrived, [](const auto& entry) { return entry.second.port == 0; });
  let_in_pause_ =
      outside == 0 ? BootClock::duration{}
                   : std::clamp<BootClock::duration>(2 * let_in_pause_, kDoorPause, kDoorPauseMax);
  let_in_at_ = now + let_in_pause_;
}

// While many come, once for all of them.
void Roster::CutRefusedFlows(BootTime now) {
  if (IsComplete()) {
    CutDoubted(now);
  }
}

void Roster::CutDoubted(BootTime now) {
  if (!flows_.doubts() || (cut_again_at_ && now < *cut_again_at_)) {
    return;
  }
  const auto cut = flows_.CutRefused(clients_, surroundings_.local(), desired_.ruleset);
  if (!cut.ok()) {
    cut_again_at_ = now + kCutPause;
    journal_.Say(
        Priority::kError,
        fmt::format("flows that no rule allows may go on for now: {}", Words(cut.status())), now);
    return;
  }
  cut_again_at_.reset();
  if (*cut != 0) {
    journal_.Say(Priority::kNotice, fmt::format("cut {} flows that no rule allows", *cut), now);
  }
}

std::optional<BootTime> Roster::NextDeadline() const {
  return AllAreIn() || WaitsForReaders() ? cut_again_at_
                                         : std::min(cut_again_at_.value_or(let_in_at_), let_in_at_);
}

absl::Status Roster::Begin(const Desired& desired, BootTime now) {
  auto view = firewall_.Look();
  auto doors = view.ok() ? ReadKernelDoors() : view.status();
  const auto dropped = doors.ok() ? ReadKernelDrops(desired.ruleset.table) : doors.status();
  if (!dropped.ok()) {
    return dropped.status();
  }
  const Inheritance inheritance(*std::move(view), *std::move(doors));
  surroundings_.Look(desired, now);
  ServedClients clients;
  std::vector<Address> strangers;  // who have an address that was another's
  starting_ = inheritance.IsNew() && desired.clients.size() > kFirst;
  for (const DesiredClient& wanted : desired.clients) {
    const bool same = inheritance.IsOf(wanted);
    if (!same) {
      Append(strangers, wanted.addresses);
    }
    if (starting_ && clients.size() == kFirst) {
      continue;  // LetIn's
    }
    const ClientId id{next_client_++};
    DropNames drops =
        same ? AdoptDrops(*dropped, inheritance.Served(wanted.addresses)) : DropNames();
    ServedClient& client =
        clients.emplace(id, Prepare(desired, wanted, nullptr, std::move(drops), surroundings_))
            .first->second;
    client.id = id;
    Complete(client, nullptr);
    client.queue = queues_.For(client, nullptr, clients_);
    if (same) {
      inheritance.AdoptPins(client, now);
    }
    client.set_size = SetSizeFor(client, client.ledger);
  }
  OpenDoors(clients, &inheritance, now);
  if (readers_.launcher_lost()) {
    return absl::UnavailableError("the launcher does not answer");
  }
  if (auto status = firewall_.Install(RulesetOf(desired, AllOf(clients), now), &inheritance.view());
      !status.ok()) {
    return status;
  }
  desired_ = desired;
  head_start_ = starting_;
  ++revision_;
  clients_ = std::move(clients);
  std::vector<Address> moved = inheritance.Departed(clients_);
  Append(moved, strangers);
  flows_.Outlaw(moved);
  CutDoubted(now);
  for (auto& [id, client] : clients_) {
    if (client.port != inheritance.DoorOf(client) ||
        (client.queue != 0) != inheritance.WasHeld(client)) {
      Append(moved, client.desired.addresses);
    }
    if (!inheritance.HasRulesOf(client, desired.ruleset)) {
      flows_.Doubt(id);
    }
    readers_.ServeSoon(client);
  }
  flows_.Redirect(moved);
  CutRefusedFlows(now);
  return absl::OkStatus();
}

// Clients that differ, and what that means for the kernel.
Roster::Changes Roster::Compare(const Desired& desired, BootTime now) {
  Changes changes;
  std::set<ClientId> stay;
  const KnownByAddress known(clients_);
  const bool same_terms = HaveSameTerms(desired, desired_);
  for (const DesiredClient& wanted : desired.clients) {
    const ServedClient* before = known.FindSame(wanted);
    if (before != nullptr && !stay.insert(before->id).second) {
      before = nullptr;  // one client has become two: the first goes on with what there is
    }
    if (before == nullptr && starting_ && changes.arrived.size() == kNext) {
      changes.more_arrive = true;
      continue;
    }
    if (before != nullptr && same_terms && IsUntouched(wanted, *before, surroundings_)) {
      changes.elsewhere.push_back(before->id);
      continue;
    }
    ServedClient client = Prepare(desired, wanted, before,
                                  before != nullptr ? before->learned : DropNames(), surroundings_);
    if (before == nullptr) {
      client.id = ClientId{next_client_++};
      Complete(client, nullptr);
      client.queue = queues_.For(client, nullptr, clients_);
      changes.arrived.emplace(client.id, std::move(client));
      continue;
    }
    if (DiffersInPlaceOnly(client, *before)) {
      changes.elsewhere.push_back(before->id);
      continue;
    }
    Complete(client, before);
    client.queue = queues_.For(client, before, clients_);
    PinMoves moves = MovePins(*before, client, now);
    client.ledger = std::move(moves.after);
    std::move(moves.added.begin(), moves.added.end(), std::back_inserter(changes.kernel.pins));
    std::move(moves.gone.begin(), moves.gone.end(), std::back_inserter(changes.kernel.gone));
    changes.kernel.clients.push_back({RulesOf(*before), RulesOf(client)});
    changes.changed.emplace(client.id, std::move(client));
  }
  for (const auto& [id, client] : clients_) {
    if (!stay.contains(id)) {
      changes.gone.push_back(id);
      changes.kernel.clients.push_back({RulesOf(client), {}});
    }
  }
  return changes;
}

// Everybody as they are to be.
std::vector<const ServedClient*> Roster::AllAfter(const Changes& changes) const {
  std::vector<const ServedClient*> all = AllOf(changes.arrived);
  for (const auto& [id, client] : clients_) {
    const auto changed = changes.changed.find(id);
    if (changed != changes.changed.end()) {
      all.push_back(&changed->second);
    } else if (std::find(changes.gone.begin(), changes.gone.end(), id) == changes.gone.end()) {
      all.push_back(&client);
    }
  }
  return all;
}

absl::Status Roster::Change(const Desired& desired, BootTime now) {
  surroundings_.Look(desired, now);
  Changes changes = Compare(desired, now);
  OpenDoors(changes.arrived, nullptr, now);
  for (const auto& [id, client] : changes.arrived) {
    changes.kernel.clients.push_back({{}, RulesOf(client)});
  }
  const auto all = AllAfter(changes);
  const SharedElements before = ElementsOf(desired_.ruleset, AllOf(clients_));
  const SharedElements after = ElementsOf(desired.ruleset, all);
  changes.kernel.gone_elements = Without(before, after);
  changes.kernel.new_elements = Without(after, before);
  // A change of these clients alone is all that the kernel needs.
  const bool by_parts = AreAlike(desired_.ruleset, desired.ruleset) &&
                        desired.pins.per_client == desired_.pins.per_client;
  // From here on pins may go: what is told waits for us, and is judged by the new rules.
  if (!by_parts) {
    readers_.DoubtPins(clients_);
  }
  for (const auto& [id, next] : changes.changed) {
    readers_.DoubtPins(clients_.at(id));
  }
  absl::Status status = by_parts ? firewall_.Apply(changes.kernel) : absl::OkStatus();
  const bool in_force = absl::IsDataLoss(status);
  if (!by_parts || !status.ok()) {
    // Also if the kernel holds something else than it should, or moved pins in two places.
    status = firewall_.Install(RulesetOf(desired, all, now));
  }
  if (!status.ok()) {
    if (in_force) {
      status = absl::DataLossError(status.message());
    }
    for (const auto& [id, client] : changes.arrived) {
      readers_.Dismiss(client);
    }
    surroundings_.Look(desired_, now);
    return status;
  }
  desired_.ruleset.upstreams = desired.ruleset.upstreams;  // who is asked is nothing to a flow
  const bool terms_changed = !(desired.ruleset == desired_.ruleset);
  desired_ = desired;
  TakeOver(changes, terms_changed, now);
  return absl::OkStatus();
}

absl::Status Roster::LetIn(BootTime now) {
  if (AllAreIn() || WaitsForReaders() || now < let_in_at_) {
    return absl::OkStatus();
  }
  if (std::exchange(head_start_, false)) {
    let_in_at_ = now + kHeadStart;
    return absl::OkStatus();
  }
  const bool started = starting_;
  absl::Status status = Change(Desired(desired_), now);
  if (!status.ok()) {
    starting_ = false;
    let_in_at_ = now + (started ? kDoorPause : kDoorPauseMax);  // a change of all, perhaps
    journal_.Say(Priority::kError, "who waits outside is not let in: " + Words(status), now);
  }
  return status;
}

void Roster::SayOfQube(const ServedClient& client, std::string_view what, BootTime now) {
  if (!client.desired.interfaces.empty()) {
    journal_.Say(Priority::kNotice,
                 fmt::format("{} {} ({})", client.desired.name, what,
                             fmt::join(client.desired.interfaces, ", ")),
                 now);
  }
}

// The kernel has the new rules; now everything else does.
void Roster::TakeOver(Changes& changes, bool terms_changed, BootTime now) {
  ++revision_;
  std::vector<Address> moved;  // whose DNS now takes another way, or may
  for (const ClientId id : changes.gone) {
    const ServedClient& client = clients_.at(id);
    Append(moved, client.desired.addresses);
    flows_.Outlaw(client.desired.addresses);
    readers_.Dismiss(client);
    SayOfQube(client, "has gone", now);
    clients_.erase(id);
  }
  if (!changes.gone.empty() && !changes.arrived.empty()) {
    cut_again_at_.reset();
    CutDoubted(now);  // also those of an address that is somebody else's now
  }
  for (auto& [id, after] : changes.changed) {
    ServedClient& client = clients_.at(id);
    if (terms_changed || client.desired.addresses != after.desired.addresses ||
        (client.queue == 0) != (after.queue == 0)) {
      Append(moved, client.desired.addresses);
      Append(moved, after.desired.addresses);
    }
    LogRevoked(journal_, client, after, now);
    if (terms_changed || !OnlyWidens(client, after)) {
      flows_.Outlaw(client.desired.addresses);  // but for those that are still somebody's
      flows_.Doubt(id);
    }
    client.TakePolicy(std::move(after));
    readers_.SendPolicy(client, now);
  }
  for (const ClientId id : changes.elsewhere) {
    ServedClient& client = clients_.at(id);
    if (terms_changed) {
      flows_.Doubt(id);  // what stands for DNS is other servers now
    }
    Move(client, now);
  }
  const bool any_arrived = !changes.arrived.empty();
  for (auto& [id, client] : changes.arrived) {
    if (!starting_) {
      SayOfQube(client, "is there", now);
    }
    Append(moved, client.desired.addresses);
    flows_.Doubt(id);
    readers_.ServeSoon(clients_.emplace(id, std::move(client)).first->second);
  }
  flows_.Redirect(moved);
  // Doors that do not open keep nobody else waiting; where none opens, there is no next change.
  starting_ = starting_ && changes.more_arrive && any_arrived;
  if (starting_) {
    let_in_at_ = now;
  }
  CutRefusedFlows(now);
}

absl::Status Roster::Restore(bool after_a_gap, bool past_the_doors, BootTime now) {
  if (auto status = firewall_.Install(RulesetOf(desired_, AllOf(clients_), now)); !status.ok()) {
    return status;
  }
  if (after_a_gap) {
    flows_.DoubtAll(clients_);
  }
  for (const auto& [id, client] : clients_) {
    if (past_the_doors) {
      flows_.Redirect(client.desired.addresses);
    }
  }
  CutDoubted(now);
  return absl::OkStatus();
}

absl::Status Roster::FollowUpstreams(std::vector<Endpoint> upstreams, BootTime now) {
  std::string names;
  for (const Endpoint& endpoint : upstreams) {
    names += (names.empty() ? "" : ", ") + endpoint.Text();
  }
  journal_.Say(names.empty() ? Priority::kError : Priority::kNotice,
               names.empty() ? "there is no upstream now" : "upstreams now: " + names, now);
  Desired desired = desired_;
  desired.upstreams = std::move(upstreams);
  desired.SettleUpstreams();
  return Change(desired, now);
}

void Roster::FollowRoutes(BootTime now) {
  surroundings_.Forget();
  surroundings_.Look(desired_, now);
  for (auto& [id, client] : clients_) {
    Move(client, now);
  }
}

// To where it is now, if that is elsewhere.
void Roster::Move(ServedClient& client, BootTime now) {
  if (!Place(client, surroundings_)) {
    return;
  }
  ++client.policy.generation;
  if (client.policy.reaches_upstreams) {
    client.permissions = std::make_shared<const Permissions>(client.policy);
  }
  readers_.SendPolicy(client, now);
}

}  // namespace dnspin
