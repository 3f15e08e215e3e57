#include "resolver/upstreams.h"

#include <algorithm>

#include "pinning/check.h"
#include "resolver/edns.h"
#include "resolver/reply.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kDatagramsMax = 3;  // R-b12
constexpr unsigned kStreamsMax = 2;
constexpr unsigned kForgeriesMax = 3;  // R-b7
// Twice as long after the second: the later the last, the sooner a server that is back is noticed.
constexpr BootClock::duration kPatience = milliseconds(400);  // plus up to as much as the next
constexpr uint64_t kPatienceJitterMs = 200;
constexpr BootClock::duration kStreamPatience = milliseconds(800);
constexpr BootClock::duration kAfterRefusal = milliseconds(20);
constexpr BootClock::duration kProbePatience = milliseconds(1000);

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool SameButCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace

Upstreams::Upstreams(UpstreamSockets& sockets, RandomSource& random, CountersReport& counters,
                     Finished finished)
    : sockets_(sockets), random_(random), counters_(counters), finished_(std::move(finished)) {}

Upstreams::~Upstreams() {
  for (const auto& [socket, id] : by_socket_) {
    sockets_.Close(socket);
  }
}

InquiryId Upstreams::Ask(const Inquiry& inquiry, BootTime deadline, BootTime now) {
  Pending pending;
  pending.inquiry = inquiry;
  pending.deadline = deadline;
  const InquiryId id = Open(std::move(pending));
  AskNext(id, pending_.at(id), now);
  Measure(id, now);
  return id;
}

// Besides whom a question is put to, those are asked of whom nothing was heard for a while.
void Upstreams::Measure(InquiryId id, BootTime now) {
  while (const auto chosen = servers_.ChooseToMeasure(now)) {
    Pending probe;
    probe.inquiry = pending_.at(id).inquiry;
    probe.probe_beside = id;
    probe.deadline = now + kProbePatience;
    const InquiryId probe_id = Open(std::move(probe));
    Pending& opened = pending_.at(probe_id);
    Start(probe_id, opened, *chosen, Transport::kUdp, true,
          Spelled(opened.inquiry.asked, *servers_.Find(*chosen)), now);
    Reschedule(probe_id, opened, opened.deadline);
  }
}

// Whoever opens one reschedules it.
InquiryId Upstreams::Open(Pending pending) {
  const InquiryId id{++last_id_};
  pending_.emplace(id, std::move(pending));
  return id;
}

void Upstreams::Cancel(InquiryId id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    return;
  }
  CloseAll(found->second);
  timers_.erase({found->second.next, id});
  pending_.erase(found);
}

void Upstreams::End(InquiryId id, UpstreamResult result, BootTime now) {
  const Pending& pending = pending_.at(id);
  const bool probe = pending.probe_beside.has_value();
  const Inquiry inquiry = pending.inquiry;
  Cancel(id);
  if (!probe) {
    finished_(inquiry, std::move(result), now);
  }
}

UpstreamResult Upstreams::Last(const Pending& pending) {
  if (pending.poor) {
    return *pending.poor;
  }
  return pending.refused_by_network ? UpstreamFailure::kNetwork : UpstreamFailure::kSilence;
}

// Which letters are capitals is one more secret that a forger has to guess (0x20).
std::string Upstreams::Spelled(const Name& name, const Server& server) {
  std::string spelled(name.Wire());
  if (!server.keeps_case) {
    return spelled;
  }
  uint64_t bits = 0;
  unsigned left = 0;
  for (char& c : spelled) {
    if (c < 'a' || c > 'z') {
      continue;
    }
    if (left == 0) {
      bits = random_.Next();
      left = 64;
    }
    c = static_cast<char>((bits & 1) != 0 ? c & ~0x20 : c);
    bits >>= 1;
    --left;
  }
  return spelled;
}

bool Upstreams::Start(InquiryId id, Pending& pending, uint32_t server, Transport transport,
                      bool edns, std::string spelled, BootTime now) {
  const Server* const known = servers_.Find(server);
  if (known == nullptr) {
    return false;
  }
  if (std::find(pending.tried.begin(), pending.tried.end(), server) == pending.tried.end()) {
    pending.tried.push_back(server);
  }
  ++(transport == Transport::kUdp ? pending.datagrams : pending.streams);
  servers_.Asked(server, now);
  Attempt attempt;
  attempt.server = server;
  attempt.transport = transport;
  attempt.id = static_cast<uint16_t>(random_.Next());
  attempt.spelled = std::move(spelled);
  attempt.edns = edns;
  attempt.sent = now;
  const Inquiry& inquiry = pending.inquiry;
  const auto socket =
      sockets_.Send(known->where, transport,
                    EncodeUpstreamQuestion(attempt.id, attempt.spelled, inquiry.type,
                                           inquiry.dnssec_ok, inquiry.checking_disabled, edns));
  if (!socket) {
    pending.refused_by_network = true;
    servers_.Failed(server, now);
    return false;
  }
  ++counters_.upstream_questions;
  attempt.socket = *socket;
  by_socket_.emplace(*socket, id);
  pending.attempts.push_back(std::move(attempt));
  return true;
}

void Upstreams::AskNext(InquiryId id, Pending& pending, BootTime now) {
  while (pending.datagrams < kDatagramsMax) {
    const auto server = servers_.Choose(pending.tried);
    if (!server) {
      pending.refused_by_network = true;
      break;
    }
    if (Start(id, pending, *server, Transport::kUdp, true,
              Spelled(pending.inquiry.asked, *servers_.Find(*server)), now)) {
      const milliseconds jitter(static_cast<int64_t>(random_.Next() % kPatienceJitterMs));
      Reschedule(id, pending, now + (pending.datagrams == 1 ? kPatience : 2 * kPatience) + jitter);
      return;
    }
    if (!servers_.HasUntried(pending.tried)) {
      break;
    }
  }
  Reschedule(id, pending, pending.attempts.empty() ? now : pending.deadline);
}

void Upstreams::AskNextOrEnd(InquiryId id, Pending& pending, BootTime now) {
  if (!pending.probe_beside && pending.datagrams < kDatagramsMax &&
      servers_.HasUntried(pending.tried)) {
    AskNext(id, pending, now);
  } else if (pending.attempts.empty()) {
    End(id, Last(pending), now);
  }
}

void Upstreams::SwitchToStream(InquiryId id, Pending& pending, const Attempt& attempt,
                               BootTime now) {
  CloseAttempt(pending, attempt.socket);
  if (pending.streams < kStreamsMax &&
      Start(id, pending, attempt.server, Transport::kTcp, attempt.edns, attempt.spelled, now)) {
    Reschedule(id, pending, now + kStreamPatience);
    return;
  }
  AskNextOrEnd(id, pending, now);
}

Upstreams::Attempt* Upstreams::AttemptOf(SocketId socket, Pending*& pending, InquiryId& id) {
  const auto found = by_socket_.find(socket);
  if (found == by_socket_.end()) {
    return nullptr;
  }
  id = found->second;
  pending = &pending_.at(id);
  const auto attempt = std::find_if(pending->attempts.begin(), pending->attempts.end(),
                                    [&](const Attempt& one) { return one.socket == socket; });
  DNSPIN_CHECK(attempt != pending->attempts.end());
  return &*attempt;
}

void Upstreams::OnMessage(SocketId socket, std::span<const uint8_t> message, BootTime now,
                          Carriage carriage) {
  Pending* pending = nullptr;
  InquiryId id{};
  const Attempt* const found = AttemptOf(socket, pending, id);
  if (found == nullptr) {
    return;
  }
  const Attempt attempt = *found;  // what follows may close and forget it
  if (attempt.transport == Transport::kUdp) {
    OnDatagram(id, *pending, attempt, message, carriage, now);
  } else {
    OnStreamMessage(id, *pending, attempt, message, now);
  }
}

// Anything but the answer is ignored and the wait goes on; but whoever guesses at our socket does
// not get many tries at it.
void Upstreams::OnDatagram(InquiryId id, Pending& pending, const Attempt& attempt,
                           std::span<const uint8_t> message, Carriage carriage, BootTime now) {
  const auto header = ReadReplyHeader(message);
  if (!header || header->id != attempt.id || header->type != pending.inquiry.type ||
      !SameButCase(header->asked_wire, attempt.spelled)) {
    ++counters_.forgeries;
    if (++pending.forgeries >= kForgeriesMax) {
      SwitchToStream(id, pending, attempt, now);
    }
    return;
  }
  // One longer than asked for came in fragments too, or was cut on its way to us.
  if (header->truncated || header->asked_wire != attempt.spelled ||
      carriage == Carriage::kInFragments || message.size() > kUdpOctets) {
    SwitchToStream(id, pending, attempt, now);
    return;
  }
  OnAccepted(id, pending, attempt, message, now);
}

void Upstreams::OnStreamMessage(InquiryId id, Pending& pending, const Attempt& attempt,
                                std::span<const uint8_t> message, BootTime now) {
  const auto header = ReadReplyHeader(message);
  if (!header || header->truncated || header->id != attempt.id ||
      header->type != pending.inquiry.type || !SameButCase(header->asked_wire, attempt.spelled)) {
    OnBroken(attempt.socket, now);
    return;
  }
  if (header->asked_wire != attempt.spelled) {
    // Over a stream nobody but the server itself says so.
    if (Server* const server = servers_.Find(attempt.server)) {
      server->keeps_case = false;
    }
  }
  OnAccepted(id, pending, attempt, message, now);
}

void Upstreams::OnAccepted(InquiryId id, Pending& pending, const Attempt& attempt,
                           std::span<const uint8_t> message, BootTime now) {
  servers_.Answered(attempt.server, now - attempt.sent, now);
  auto answer = ReadAnswer(message);
  if (answer.ok() && (answer->rcode == dns::kNoError || answer->rcode == dns::kNxDomain)) {
    const InquiryId asker = pending.probe_beside.value_or(id);
    if (asker != id) {
      Cancel(id);
    }
    if (pending_.contains(asker)) {
      End(asker, std::move(*answer), now);
    }
    return;
  }
  CloseAttempt(pending, attempt.socket);
  if (answer.ok() && answer->rcode == dns::kFormErr && attempt.edns &&
      pending.datagrams < kDatagramsMax &&
      Start(id, pending, attempt.server, Transport::kUdp, false, attempt.spelled, now)) {
    Reschedule(id, pending, now + kPatience);
    return;
  }
  if (answer.ok()) {
    pending.poor = std::move(*answer);
  } else if (!pending.poor) {
    pending.poor = UpstreamFailure::kInvalid;
  }
  AskNextOrEnd(id, pending, now);
}

void Upstreams::OnBroken(SocketId socket, BootTime now) {
  Pending* pending = nullptr;
  InquiryId id{};
  const Attempt* const attempt = AttemptOf(socket, pending, id);
  if (attempt == nullptr) {
    return;
  }
  pending->refused_by_network = true;
  if (attempt->transport == Transport::kUdp) {
    // Anyone can send an ICMP error: it hurries, but it ends nothing.
    if (servers_.HasUntried(pending->tried)) {
      Reschedule(id, *pending, std::min(pending->next, now + kAfterRefusal));
    }
    return;
  }
  servers_.Failed(attempt->server, now);
  CloseAttempt(*pending, socket);
  AskNextOrEnd(id, *pending, now);
}

void Upstreams::CloseAttempt(Pending& pending, SocketId socket) {
  std::erase_if(pending.attempts, [&](const Attempt& one) { return one.socket == socket; });
  by_socket_.erase(socket);
  sockets_.Close(socket);
}

void Upstreams::CloseAll(Pending& pending) {
  while (!pending.attempts.empty()) {
    CloseAttempt(pending, pending.attempts.back().socket);
  }
}

void Upstreams::Reschedule(InquiryId id, Pending& pending, BootTime next) {
  timers_.erase({pending.next, id});
  pending.next = std::min(next, pending.deadline);
  timers_.emplace(pending.next, id);
}

void Upstreams::OnTimer(InquiryId id, Pending& pending, BootTime now) {
  if (!pending.attempts.empty()) {
    servers_.Failed(pending.attempts.back().server, now);
  }
  if (pending.attempts.empty() || pending.probe_beside || now >= pending.deadline) {
    End(id, Last(pending), now);
  } else if (pending.datagrams < kDatagramsMax) {
    AskNext(id, pending, now);
    Measure(id, now);  // `pending` may move
  } else {
    Reschedule(id, pending, pending.deadline);
  }
}

void Upstreams::Expire(BootTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const InquiryId id = timers_.begin()->second;
    OnTimer(id, pending_.at(id), now);
  }
}

std::optional<BootTime> Upstreams::NextDeadline() const {
  return timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first);
}

}  // namespace dnspin
