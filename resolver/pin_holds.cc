#include "resolver/pin_holds.h"

#include <algorithm>

#include "pinning/check.h"

namespace dnspin {

bool PinHolds::Join(const HoldKey& key, Waiter& waiter) {
  const auto found = joinable_.find(key);
  if (found == joinable_.end()) {
    return false;
  }
  Hold& hold = holds_.at(found->second);
  if (hold.waiters.size() >= kWaitersMax) {
    return false;
  }
  hold.waiters.push_back(std::move(waiter));
  return true;
}

void PinHolds::Begin(HoldKey key, Reply reply, const std::vector<Address>& addresses,
                     PinRequest asked_for, std::optional<Waiter> waiter, BootTime now) {
  DNSPIN_CHECK(!addresses.empty());
  const uint64_t id = ++last_hold_;
  Hold hold;
  hold.key = key;
  hold.reply = std::move(reply);
  hold.unasked = asked_for.unasked = !waiter;
  hold.told = std::chrono::seconds(asked_for.told_s);
  if (waiter) {
    hold.waiters.push_back(*std::move(waiter));
    joinable_.insert_or_assign(std::move(key), id);
  }
  hold.began = now;
  hold.deadline = now + kPinPatience;
  for (size_t from = 0; from < addresses.size(); from += kAddressesPerRequest) {
    const size_t to = std::min(addresses.size(), from + kAddressesPerRequest);
    Queued queued{id, asked_for};
    queued.request.ticket = ++last_ticket_;
    queued.request.addresses.assign(addresses.begin() + static_cast<std::ptrdiff_t>(from),
                                    addresses.begin() + static_cast<std::ptrdiff_t>(to));
    queue_.push_back(std::move(queued));
    ++hold.requests_open;
  }
  order_.emplace_back(hold.deadline, id);
  holds_.emplace(id, std::move(hold));
  SendQueued();
}

void PinHolds::SendQueued() {
  while (!queue_.empty() && tickets_.size() < kRequestsOpenMax) {
    Queued queued = std::move(queue_.front());
    queue_.pop_front();
    if (holds_.contains(queued.hold)) {
      firewall_.Request(queued.request);
      tickets_.emplace(queued.request.ticket,
                       Ticket{queued.hold, std::move(queued.request.addresses)});
    }
  }
}

std::optional<PinHolds::Ended> PinHolds::OnReply(const PinReply& reply) {
  const auto found = tickets_.find(reply.ticket);
  if (found == tickets_.end()) {
    return std::nullopt;
  }
  const Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  SendQueued();
  const auto held = holds_.find(ticket.hold);
  if (held == holds_.end() || reply.outcome == PinOutcome::kStale) {
    return std::nullopt;
  }
  if (reply.outcome != PinOutcome::kDone) {
    return Ended{Take(ticket.hold), reply.outcome};
  }
  Hold& hold = held->second;
  hold.confirmed.insert(hold.confirmed.end(), ticket.addresses.begin(), ticket.addresses.end());
  if (--hold.requests_open > 0) {
    return std::nullopt;
  }
  return Ended{Take(ticket.hold), PinOutcome::kDone};
}

Hold PinHolds::Take(uint64_t id) {
  auto node = holds_.extract(id);
  DNSPIN_CHECK(!node.empty());
  Hold hold = std::move(node.mapped());
  if (const auto found = joinable_.find(hold.key);
      found != joinable_.end() && found->second == id) {
    joinable_.erase(found);
  }
  ForgetEnded();
  return hold;
}

void PinHolds::ForgetEnded() {
  while (!order_.empty() && !holds_.contains(order_.front().second)) {
    order_.pop_front();
  }
  // While dnspind is silent no ticket comes free: what nobody waits for any more must not pile up.
  while (!queue_.empty() && !holds_.contains(queue_.front().hold)) {
    queue_.pop_front();
  }
}

std::vector<Hold> PinHolds::TakeExpired(BootTime now) {
  std::vector<Hold> expired;
  while (!order_.empty() && order_.front().first <= now) {
    expired.push_back(Take(order_.front().second));
  }
  return expired;
}

std::vector<Hold> PinHolds::TakeAll() {
  std::vector<Hold> all;
  while (!order_.empty()) {
    all.push_back(Take(order_.front().second));
  }
  queue_.clear();
  return all;
}

std::optional<BootTime> PinHolds::NextDeadline() const {
  return order_.empty() ? std::nullopt : std::optional(order_.front().first);
}

}  // namespace dnspin
