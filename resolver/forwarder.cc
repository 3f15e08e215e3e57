#include "resolver/forwarder.h"

#include <algorithm>
#include <utility>

#include "pinning/check.h"
#include "resolver/answer_report.h"
#include "resolver/special_name.h"
#include "resolver/standing_answer.h"

namespace dnspin {

using std::chrono::seconds;

Forwarder::Forwarder(const Surroundings& surroundings)
    : open_(Limits().questions_in_flight, &surroundings.all_open),
      firewall_(surroundings.firewall),
      teller_(surroundings.replies, surroundings.firewall, surroundings.counters),
      holds_(surroundings.firewall),
      granted_(surroundings.firewall),
      counters_(surroundings.counters),
      assurance_(surroundings.assurance),
      standing_(surroundings.standing),
      upstreams_(surroundings.sockets, surroundings.random, surroundings.counters,
                 [this](const Inquiry& inquiry, UpstreamResult result, BootTime now) {
                   OnUpstream(inquiry, std::move(result), now);
                 }) {}

void Forwarder::SetPolicy(Policy policy, BootTime now) {
  const bool other_upstreams = !policy_ || policy_->policy().upstreams != policy.upstreams;
  if (other_upstreams) {
    cache_.Clear();  // another network may know other answers
    upstreams_.SetServers(policy.upstreams);
  }
  policy_.emplace(std::move(policy));
  open_.SetMax(policy_->policy().limits.questions_in_flight);
  new_names_.SetPolicy(policy_->policy());
  granted_.SetPolicy(*policy_, now);
  cache_.DoubtPins();  // other rules, other pins
  standing_.Keep(this, StandingQuestionsOf(*policy_), now);
  if (other_upstreams) {
    standing_.AskAllAnew(this, now);
  }
  for (Waiter& waiter : TakeWaiters(other_upstreams, now)) {
    Dispatch(std::move(waiter), now);
  }
  // What nobody may hear any more need not be answered either.
  absl::erase_if(asked_, [this](const auto& entry) {
    const bool unwanted = entry.second.waiters.empty() && entry.second.standing.empty();
    if (unwanted) {
      upstreams_.Cancel(entry.second.id);
    }
    return unwanted;
  });
}

std::vector<Waiter> Forwarder::TakeWaiters(bool ask_anew, BootTime now) {
  std::vector<Waiter> waiters;
  const auto take = [&waiters](std::vector<Waiter>& from) {
    std::move(from.begin(), from.end(), std::back_inserter(waiters));
    from.clear();
  };
  for (Hold& hold : holds_.TakeAll()) {
    take(hold.waiters);
    EndPrefetch(hold, false, now);
  }
  for (auto& [inquiry, asked] : asked_) {
    take(asked.waiters);
    if (ask_anew) {
      upstreams_.Cancel(asked.id);
    }
  }
  if (ask_anew) {
    asked_.clear();
  }
  return waiters;
}

std::optional<BootTime> Forwarder::OnQuestion(Question question, const ReturnPath& path,
                                              BootTime now) {
  ++counters_.questions;
  repeat_until_.reset();
  Waiter waiter;
  waiter.question = std::move(question);
  waiter.path = path;
  waiter.deadline = now + kQuestionPatience;
  Dispatch(std::move(waiter), now);
  return repeat_until_;
}

void Forwarder::OnHeldAnswer(Question question, const ReturnPath& path, HeldAnswer held,
                             BootTime now) {
  ++counters_.questions;
  Waiter waiter;
  waiter.question = std::move(question);
  waiter.path = path;
  waiter.deadline = now + kQuestionPatience;
  waiter.brought = std::make_shared<const HeldAnswer>(std::move(held));
  Dispatch(std::move(waiter), now);
}

Permission Forwarder::PermissionOf(const Waiter& waiter, BootTime now) const {
  const Question& question = waiter.question;
  return granted_.Judge(
      question.asked, question.type,
      policy_->Judge(question.asked, question.type, waiter.path.transport, waiter.path.destination),
      *policy_, now);
}

void Forwarder::Dispatch(Waiter waiter, BootTime now) {
  DNSPIN_CHECK(policy_);
  const Question& question = waiter.question;
  if (now >= waiter.deadline) {
    teller_.Fail(waiter, dns::kEdeNotReady);
    return;
  }
  if (const auto canary = CanaryReply(question.asked)) {
    teller_.Tell(waiter, *canary, Standing::kAnswered);
    return;
  }
  const Permission permission = PermissionOf(waiter, now);
  if (permission.standing == Standing::kBlocked) {
    teller_.Refuse(waiter, dns::kEdeBlocked);
    return;
  }
  if (!policy_->Lists(permission)) {
    if (const auto local = LocalReply(question.asked, question.type)) {
      teller_.Tell(waiter, *local, Standing::kAnswered);
      return;
    }
  }
  if (permission.standing == Standing::kProhibited) {
    teller_.Refuse(waiter, dns::kEdeProhibited);
    return;
  }
  if (question.type == dns::kAny) {
    teller_.Tell(waiter, AnyReply(question.asked), permission.standing);
    return;
  }
  if (dns::IsServiceBinding(question.type) &&
      policy_->policy().bindings.svcb == BindingTerms::Svcb::kNodata) {
    teller_.Tell(waiter, NodataReply(question.asked), permission.standing);
    return;
  }
  const Inquiry inquiry{question.asked, question.type, question.dnssec_ok,
                        question.checking_disabled};
  const bool brought = waiter.brought != nullptr;
  if (const auto cached = brought ? std::nullopt : cache_.Find(inquiry, now)) {
    ++counters_.cache_hits;
    Serve(inquiry, std::move(waiter), permission, *cached, now);
  } else if (!MayAskName(question.asked, permission, now)) {
    ++counters_.over_names;
    teller_.Refuse(waiter, dns::kEdeOther);
  } else if (brought) {
    const CachedResult fresh{waiter.brought->result, now, now};
    Serve(inquiry, std::move(waiter), permission, fresh, now);
  } else {
    Ask(inquiry, std::move(waiter), now);
  }
}

bool Forwarder::MayAskName(const Name& name, const Permission& permission, BootTime now) {
  const auto& rules = policy_->policy().rules;
  return permission.rule >= rules.size() || new_names_.Take(name, rules[permission.rule], now);
}

// False, and the client has heard so, if too many wait already.
bool Forwarder::MayWait(Waiter& waiter) {
  if (!waiter.slot.taken()) {
    auto slot = open_.Take();
    if (!slot) {
      ++counters_.over_in_flight;
      teller_.Fail(waiter, dns::kEdeOther);
      return false;
    }
    waiter.slot = std::move(*slot);
  }
  return true;
}

void Forwarder::Ask(const Inquiry& inquiry, Waiter waiter, BootTime now) {
  if (!MayWait(waiter)) {
    return;
  }
  if (const auto found = asked_.find(inquiry); found != asked_.end()) {
    if (found->second.waiters.size() >= kWaitersMax) {
      ++counters_.over_in_flight;
      teller_.Fail(waiter, dns::kEdeOther);
      return;
    }
    found->second.waiters.push_back(std::move(waiter));
    return;
  }
  const BootTime deadline = waiter.deadline;
  AskUpstream(inquiry, deadline, now).waiters.push_back(std::move(waiter));
}

Forwarder::Asked& Forwarder::AskUpstream(const Inquiry& inquiry, BootTime deadline, BootTime now) {
  Asked asked;
  asked.id = upstreams_.Ask(inquiry, deadline, now);
  return asked_.emplace(inquiry, std::move(asked)).first->second;
}

// What failed while no upstream answered is asked again as soon as one does.
void Forwarder::LookForRecovery(const UpstreamResult& result, BootTime now) {
  const auto* const answer = std::get_if<Answer>(&result);
  const bool failed =
      answer == nullptr || (answer->rcode != dns::kNoError && answer->rcode != dns::kNxDomain);
  if (std::exchange(upstreams_fail_, failed) && !failed) {
    standing_.AskFailed(now);
  }
}

void Forwarder::OnUpstream(const Inquiry& inquiry, UpstreamResult result, BootTime now) {
  auto node = asked_.extract(inquiry);
  DNSPIN_CHECK(!node.empty());
  LookForRecovery(result, now);
  const BootTime until = cache_.Insert(inquiry, result, now);
  const CachedResult fresh{std::move(result), now, until};
  for (Waiter& waiter : node.mapped().waiters) {
    const Permission permission = PermissionOf(waiter, now);
    if (permission.standing == Standing::kProhibited) {
      teller_.Refuse(waiter, dns::kEdeProhibited);  // what granted it has ended meanwhile
      continue;
    }
    Serve(inquiry, std::move(waiter), permission, fresh, now);
  }
  for (const StandingQuestion& question : node.mapped().standing) {
    if (!standing_.Keeps(this, question)) {
      continue;  // the policy has changed meanwhile
    }
    if (question.why == StandingQuestion::Why::kDropped) {
      LearnDropped(question, fresh.result, now);
    } else {
      Prefetch(question, inquiry, fresh.result, now);
    }
  }
}

// What can be told at once, of pins that last for longer than that; nothing if it is so little that
// they are better asked for anew.
std::optional<seconds> Forwarder::ToldOfPins(const JudgedAnswer& judged, BootTime pinned_until,
                                             seconds age, BootTime now) const {
  const PinTerms& terms = policy_->policy().terms;
  const auto pinned = std::chrono::floor<seconds>(pinned_until - terms.slack - now);
  const seconds wished = LeftToTell(judged, age, terms);
  // A second less is but the fraction that both were rounded by.
  const bool enough = pinned + seconds(1) >= wished || 4 * pinned >= 3 * wished;
  return pinned >= seconds(1) && enough ? std::optional(std::min(pinned, wished)) : std::nullopt;
}

void Forwarder::Serve(const Inquiry& inquiry, Waiter waiter, const Permission& permission,
                      const CachedResult& cached, BootTime now) {
  const JudgedAnswer judged = JudgeAnswer(cached.result, inquiry, permission, *policy_);
  const auto age = std::chrono::floor<seconds>(now - cached.received);
  const bool pinned = permission.standing == Standing::kPinned;
  PinTerms terms = policy_->policy().terms;
  bool waits = pinned && !judged.addresses.empty();
  // Of a name that is granted: another rule may grant it meanwhile, and pins it too then; and a
  // grant has an end of its own.
  const bool by_rules = pinned && !permission.granted;
  if (waits && by_rules && cached.pinned.rule == permission.rule) {
    if (const auto told = ToldOfPins(judged, cached.pinned.until, age, now)) {
      terms.told_max = *told;
      waits = !Assured(now);
    }
  }
  HoldKey key{inquiry, permission.rule, waiter.brought != nullptr};
  if (waits && (!MayWait(waiter) || holds_.Join(key, waiter))) {
    return;
  }
  ToldAnswer told = Tell(judged, age, pinned, terms);
  if (pinned && !judged.targets.empty()) {
    GrantTargets(judged.targets, told.reply, RequestFor(inquiry, permission, told), now);
  }
  if (cached.received == now) {
    firewall_.Report(ReportOf(inquiry, pinned, told));
  }
  if (!waits) {
    teller_.Tell(waiter, told.reply, permission.standing, judged.addresses);
    const BootTime until = std::min(cached.until, now + told.told / 4);  // later: longer, perhaps
    if (by_rules && until > now) {
      repeat_until_ = until;
    }
    return;
  }
  assurance_.Asked(now);
  holds_.Begin(std::move(key), std::move(told.reply), judged.addresses,
               RequestFor(inquiry, permission, told), std::move(waiter), now);
}

// All addresses of what is in the cache last for what was told and the slack, from when they were
// asked for at least.
void Forwarder::NotePins(const Hold& hold) {
  cache_.NotePins(hold.key.inquiry, hold.began,
                  {hold.key.rule, hold.began + hold.told + policy_->policy().terms.slack});
}

PinRequest Forwarder::RequestFor(const Inquiry& inquiry, const Permission& permission,
                                 const ToldAnswer& told) const {
  PinRequest request;
  request.generation = policy_->policy().generation;
  request.told_s = static_cast<uint32_t>(told.told.count());
  request.asked = inquiry.asked;
  request.rule_host = policy_->RuleHost(permission);
  return request;
}

// The names in `reply` may be asked as long as it lives.
void Forwarder::GrantTargets(const std::vector<Name>& targets, const Reply& reply,
                             const PinRequest& request, BootTime now) {
  GrantRequest grant;
  grant.generation = request.generation;
  grant.ttl_s = request.told_s;
  for (const Record& record : reply.answer) {
    grant.ttl_s = std::min(grant.ttl_s, std::max(record.ttl, 1U));
  }
  grant.rule_host = request.rule_host;
  grant.parent = request.asked;
  granted_.Grant(std::move(grant), targets, *policy_, now);
}

void Forwarder::OnPinReply(const PinReply& reply, BootTime now) {
  const auto ended = holds_.OnReply(reply);
  if (!ended) {
    return;
  }
  EndPrefetch(ended->hold, ended->outcome == PinOutcome::kDone, now);
  assurance_.Heard(now);
  if (ended->outcome == PinOutcome::kDone && !ended->hold.key.brought) {
    NotePins(ended->hold);
  }
  for (const Waiter& waiter : ended->hold.waiters) {
    if (ended->outcome == PinOutcome::kDone) {
      teller_.Tell(waiter, ended->hold.reply, Standing::kPinned, ended->hold.confirmed);
    } else {
      teller_.Fail(waiter,
                   ended->outcome == PinOutcome::kQuota ? dns::kEdeOther : dns::kEdeNotReady);
    }
  }
}

void Forwarder::Expire(BootTime now) {
  upstreams_.Expire(now);
  if (const auto due = standing_.TakeDue(this, now)) {
    AskStanding(*due, now);
  }
  for (const Hold& hold : holds_.TakeExpired(now)) {
    EndPrefetch(hold, false, now);
    for (const Waiter& waiter : hold.waiters) {
      teller_.Fail(waiter, dns::kEdeNotReady);
    }
  }
}

std::optional<BootTime> Forwarder::NextDeadline() const {
  std::optional<BootTime> next;
  for (const auto& deadline :
       {upstreams_.NextDeadline(), holds_.NextDeadline(), standing_.NextDeadline(this)}) {
    next = next && deadline ? std::min(next, deadline) : next ? next : deadline;
  }
  return next;
}

}  // namespace dnspin
