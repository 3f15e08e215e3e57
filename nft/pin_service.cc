#include "nft/pin_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/packet_pair.h"
#include "nft/judge.h"
#include "pinning/channel_packet.h"
#include "pinning/pin_life.h"

namespace dnspin {
namespace {

constexpr std::chrono::milliseconds kLifeMin{1000};

// RFC 8914 codes, as a reader gives them.
std::string_view ReasonOf(uint16_t ede) {
  switch (ede) {
    case 0:
      return "its server refuses, or it is one new name too many under its pattern";
    case 15:
      return "a drop rule names it, or an alias on its way";
    case 17:
      return "all its addresses are forbidden ones";
    case 18:
      return "no rule lists it";
    default:
      return "refused";
  }
}

}  // namespace

// Of one client in one turn: a flood waits for its next turn, and the others' questions do not wait
// for it.
struct PinService::Share {
  static constexpr size_t kMessages = 16;
  static constexpr size_t kElements = kElementsPerCommit;
  size_t messages = 0;
  size_t elements = 0;
  bool spent() const { return messages >= kMessages || elements >= kElements; }
};

std::optional<ReaderFault> PinService::Take(ServedClient& client, BootTime now) {
  client.readable = false;
  client.grants.Expire(now);
  Share share;
  while (!share.spent()) {
    std::string bytes = std::exchange(client.unread, {});
    if (bytes.empty()) {
      auto packet = ReceivePacket(client.channel.get(),
                                  client.snooped ? kHeldPacketOctetsMax : kChannelPacketOctetsMax);
      if (!packet.ok()) {
        return ReaderFault{std::string(packet.status().message()),
                           !absl::IsOutOfRange(packet.status())};
      }
      if (!packet->has_value()) {
        return std::nullopt;
      }
      if ((*packet)->truncated) {
        return ReaderFault{"a message that is too long, or brings descriptors"};
      }
      bytes = std::move((*packet)->bytes);
    }
    if (auto fault = TakePacket(client, bytes, share, now)) {
      return fault;
    }
  }
  client.readable = !client.unread.empty();
  return std::nullopt;
}

// What is beyond its share waits for the client's next turn.
std::optional<ReaderFault> PinService::TakePacket(ServedClient& client, std::string_view bytes,
                                                  Share& share, BootTime now) {
  const auto messages = MessagesIn({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (!messages) {
    return ReaderFault{"malformed packet"};
  }
  size_t taken = 0;  // octets
  for (const auto message : *messages) {
    if (share.spent()) {
      client.unread = bytes.substr(taken);
      break;
    }
    if (auto fault = TakeMessage(client, message, share, now)) {
      return fault;
    }
    taken += kLengthOctets + message.size();
  }
  return std::nullopt;
}

std::optional<ReaderFault> PinService::TakeMessage(ServedClient& client,
                                                   std::span<const uint8_t> octets, Share& share,
                                                   BootTime now) {
  ++share.messages;
  auto message = DecodeFromReader(octets);
  if (!message.ok()) {
    return ReaderFault{std::string(message.status().message())};
  }
  if (auto* request = std::get_if<PinRequest>(&*message)) {
    Pending pending{client.id, std::move(*request), {}, std::nullopt, {}, 0};
    if (auto breach = Consider(client, pending, now)) {
      return breach;
    }
    share.elements += pending.changes.size();
    pending_.push_back(std::move(pending));
  } else if (const auto* report = std::get_if<RefusalReport>(&*message)) {
    LogRefusal(client, *report, now);
    client.record.Take(*report, now);
  } else if (const auto* answer = std::get_if<AnswerReport>(&*message)) {
    client.record.Take(*answer, now);
  } else if (const auto* upstream = std::get_if<UpstreamReport>(&*message)) {
    TakeReport(*upstream, client.policy.upstreams, client.upstreams, now);
  } else if (const auto* grant = std::get_if<GrantRequest>(&*message)) {
    return Consider(client, *grant, now);
  } else if (const auto* piece = std::get_if<DropAddresses>(&*message)) {
    return Learn(client, *piece, now);
  } else if (const auto* verdict = std::get_if<HeldVerdict>(&*message)) {
    if (!client.snooped) {
      return ReaderFault{"a verdict where nothing is held"};
    }
    if (client.held != nullptr && client.held->number() == verdict->queue) {
      client.held->Decide(*verdict);  // else it is of a queue that it had until now
    }
  } else {
    TakeCounters(client, std::get<CountersReport>(*message), now);
  }
  return std::nullopt;
}

void PinService::TakeCounters(ServedClient& client, const CountersReport& report, BootTime now) {
  constexpr uint64_t kLinesMax = 1'000'000;  // that one report can honestly have left out
  const uint64_t known = client.counters.reports_left_out;
  if (report.reports_left_out > known) {
    journal_.LeaveOut(client.desired.name, std::min(report.reports_left_out - known, kLinesMax),
                      now);
  }
  client.counters = report;
}

std::optional<ReaderFault> PinService::Consider(ServedClient& client, Pending& pending,
                                                BootTime now) {
  const PinRequest& request = pending.request;
  const bool in_rate = client.requests.Spend(now);  // whatever comes of it, judging is work
  const Judgement judgement =
      Judge(request, client.policy, *client.permissions, client.groups, client.grants, now);
  switch (judgement.kind) {
    case Judgement::Kind::kBreach:
      return ReaderFault{
          fmt::format("it asked to pin {} for {}", judgement.why, request.asked.Text())};
    case Judgement::Kind::kStale:
      pending.outcome = PinOutcome::kStale;
      return std::nullopt;
    case Judgement::Kind::kStands:
      break;
  }
  const std::chrono::seconds told(request.told_s);
  const auto life = PinLife(told, client.policy.terms);
  std::optional<std::vector<PinChange>> changes;
  if (in_rate) {
    // An answer from the cache tells what is left of its TTL: its pins last as long already.
    changes = client.ledger.Plan(request.asked, judgement.places, request.addresses, life, now,
                                 request.unasked, told + client.policy.terms.slack);
  }
  if (!changes) {
    ++client.pins_refused;
    pending.outcome = PinOutcome::kQuota;
    if (request.unasked) {
      return std::nullopt;  // nobody waits for it
    }
    journal_.Write(client.desired.name, now, [&] {
      return Event{
          Priority::kWarning,
          fmt::format("{} has no pin left for {}: per_client, per_name or the rate is reached",
                      client.desired.name, request.asked.Text()),
          "error",
          client.desired.name,
          {{"DNSPIN_NAME", request.asked.Text()}}};
    });
    return std::nullopt;
  }
  pending.changes = *std::move(changes);
  pending.rule = judgement.rule;
  return std::nullopt;
}

// There is no reply: what comes behind it on the channel is judged by what it made.
std::optional<ReaderFault> PinService::Consider(ServedClient& client, const GrantRequest& request,
                                                BootTime now) {
  GrantJudgement judgement = Judge(request, client.policy, *client.permissions, client.grants, now);
  if (judgement.kind == GrantJudgement::Kind::kWrong) {
    return ReaderFault{fmt::format("it let {} be asked because of {}: {}", request.target.Text(),
                                   request.parent.Text(), judgement.why)};
  }
  if (judgement.kind == GrantJudgement::Kind::kStands && client.requests.Spend(now)) {
    client.grants.Add(std::move(judgement.grant));
    return std::nullopt;
  }
  ++client.grants_left_out;
  const auto ttl = std::min(std::chrono::seconds(request.ttl_s), client.policy.terms.told_max);
  client.grants.LeaveOut(now + ttl + Grants::kRemembered);
  return std::nullopt;
}

// What the name of a drop rule resolves to. DropService brings it to the kernel.
std::optional<ReaderFault> PinService::Learn(ServedClient& client, const DropAddresses& piece,
                                             BootTime now) {
  if (piece.generation > client.policy.generation) {
    return ReaderFault{"it resolved a name under a policy that does not exist"};
  }
  if (!client.requests.Spend(now)) {
    client.learned.LeaveOut();
    return std::nullopt;
  }
  const bool stale = piece.generation < client.policy.generation;
  switch (client.learned.Take(piece)) {
    case DropNames::Taken::kUnchanged:
      break;
    case DropNames::Taken::kChanged:
      client.drops_due = true;
      break;
    case DropNames::Taken::kNoDropName:
      if (!stale) {
        return ReaderFault{
            fmt::format("it resolved {}, which no drop rule names", piece.name.Text())};
      }
      break;
    case DropNames::Taken::kOutOfOrder:
      if (!stale) {
        return ReaderFault{fmt::format("its addresses of {} are in disorder", piece.name.Text())};
      }
      break;
  }
  return std::nullopt;
}

bool PinService::Commit(ServedClients& clients) {
  const BootTime before = clock_.Now();
  for (size_t i = 0; i < pending_.size(); ++i) {
    const Pending& pending = pending_[i];
    if (pending.outcome) {
      continue;
    }
    const ServedClient& client = clients.at(pending.client);
    std::vector<PinElement> elements;
    elements.reserve(pending.changes.size());
    for (const PinChange& change : pending.changes) {
      // A pin of one second, planned a moment ago: the kernel is given no less than that.
      const auto life =
          std::max(std::chrono::ceil<std::chrono::milliseconds>(change.until - before), kLifeMin);
      elements.push_back({client.SetName(change.key.address.family(), change.key.group),
                          change.key.address, life, change.comment, change.replace});
    }
    gate_.Hold(pending.client, i, std::move(elements));
  }
  const std::vector<Decision> decisions = gate_.Settle();
  const BootTime after = clock_.Now();
  bool all = true;
  for (const Decision& decision : decisions) {
    all = all && decision.pinned;
    if (decision.pinned) {
      Pending& pending = pending_[decision.ticket];
      Confirm(clients.at(pending.client), pending, after);
    }
  }
  return all;
}

void PinService::Distrust() {
  for (Pending& pending : pending_) {
    if (pending.outcome == PinOutcome::kDone) {
      pending.outcome = PinOutcome::kFailed;
    }
  }
}

std::vector<std::pair<ClientId, ReaderFault>> PinService::Answer(ServedClients& clients) {
  const BootTime now = clock_.Now();
  std::vector<std::pair<ClientId, ReaderFault>> ended;
  for (auto first = pending_.begin(); first != pending_.end();) {
    const auto last = std::find_if(first, pending_.end(), [first](const Pending& pending) {
      return pending.client != first->client;
    });
    ServedClient& client = clients.at(first->client);
    if (auto fault = Answer(client, {first, last}, now)) {
      ended.emplace_back(client.id, *std::move(fault));
    }
    client.ledger.EndOfTurn();
    first = last;
  }
  for (const Pending& pending : pending_) {
    for (const PinChange& change : pending.pinned) {
      LogPinned(clients.at(pending.client), change, pending.rule, now);
    }
  }
  pending_.clear();
  return ended;
}

std::optional<ReaderFault> PinService::Answer(ServedClient& client, std::span<Pending> asked,
                                              BootTime now) {
  std::deque<std::string> packets;
  for (Pending& pending : asked) {
    if (!pending.outcome) {
      Fail(client, pending, now);
    }
    AddMessage(packets, Encode(ToReader(PinReply{pending.request.ticket, *pending.outcome})));
  }
  for (const std::string& packet : packets) {
    if (const auto status = SendPacket(client.channel.get(), packet); !status.ok()) {
      return ReaderFault{std::string(status.message()), absl::IsUnavailable(status)};
    }
  }
  return std::nullopt;
}

void PinService::Confirm(ServedClient& client, Pending& pending, BootTime now) {
  pending.outcome = PinOutcome::kDone;
  for (PinChange& change : pending.changes) {
    if (client.ledger.Record(change, now)) {  // or else it only lives longer
      pending.pinned.push_back(std::move(change));
    }
  }
}

void PinService::Fail(ServedClient& client, Pending& pending, BootTime now) {
  ++commits_failed_;
  ++client.pins_refused;
  pending.outcome = PinOutcome::kFailed;
  journal_.Write({Priority::kError,
                  fmt::format("the kernel did not take the pins of {} for {}",
                              pending.request.asked.Text(), client.desired.name),
                  "error",
                  client.desired.name,
                  {{"DNSPIN_NAME", pending.request.asked.Text()}}},
                 now);
}

void PinService::LogPinned(const ServedClient& client, const PinChange& change, uint32_t rule,
                           BootTime now) {
  journal_.Write(client.desired.name, now, [&] {
    const auto life = std::chrono::ceil<std::chrono::seconds>(change.until - now).count();
    const std::string name = change.holder.asked.Text();
    const std::string address = change.key.address.Text();
    return Event{Priority::kInfo,
                 fmt::format("pinned {} {} {} for {}s (rule {})", client.desired.name, name,
                             address, life, rule),
                 "pinned",
                 client.desired.name,
                 {{"DNSPIN_NAME", name},
                  {"DNSPIN_ADDRESS", address},
                  {"DNSPIN_TTL", std::to_string(life)},
                  {"DNSPIN_RULE", std::to_string(rule)}}};
  });
}

void PinService::LogRefusal(const ServedClient& client, const RefusalReport& report, BootTime now) {
  journal_.Write(client.desired.name, now, [&] {
    const std::string name = report.asked.Text();
    return Event{Priority::kNotice,
                 fmt::format("refused {} {}: {}", client.desired.name, name, ReasonOf(report.ede)),
                 "refused",
                 client.desired.name,
                 {{"DNSPIN_NAME", name}, {"DNSPIN_EDE", std::to_string(report.ede)}}};
  });
}

}  // namespace dnspin
