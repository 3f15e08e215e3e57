#pragma once
// Knows: what becomes of one client's questions, from asked to told: permission, special names,
// cache, upstream, judgement, pins, reply. Sans I/O: time is an argument, the network and the
// firewall are interfaces. Touches: those.

#include <chrono>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/channel_message.h"
#include "pinning/clock.h"
#include "pinning/policy.h"
#include "resolver/assurance.h"
#include "resolver/cache.h"
#include "resolver/client_policy.h"
#include "resolver/granted_names.h"
#include "resolver/judged_answer.h"
#include "resolver/new_names.h"
#include "resolver/open_questions.h"
#include "resolver/pin_holds.h"
#include "resolver/random.h"
#include "resolver/standing_questions.h"
#include "resolver/teller.h"
#include "resolver/upstreams.h"

namespace dnspin {

inline constexpr std::chrono::milliseconds kQuestionPatience{2000};
inline constexpr size_t kQuestionsOpenMaxAll = 8192;  // of all of this process

class Forwarder {
 public:
  struct Surroundings {  // all outlive it
    UpstreamSockets& sockets;
    RandomSource& random;
    DistantFirewall& firewall;
    ReplySink& replies;
    CountersReport& counters;
    OpenQuestions& all_open;
    StandingQuestions& standing;
    Assurance& assurance;  // one for all: dnspind's word to one says that it is awake
  };

  explicit Forwarder(const Surroundings& surroundings);
  ~Forwarder() { standing_.Leave(this); }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // What waits, and what is cached, is judged again by the new policy.
  void SetPolicy(Policy policy, BootTime now);

  // The client's policy is known by then. Returns until when whoever asks the same may be told the
  // reply that this call has sent, with lower TTLs, if that is sure to be right: while the policy
  // stays, no pin is in doubt and Assured().
  std::optional<BootTime> OnQuestion(Question question, const ReturnPath& path, BootTime now);
  // The client has asked another server, whose answer waits at `path`: it is told, or what stands
  // in its place, as if we had asked.
  void OnHeldAnswer(Question question, const ReturnPath& path, HeldAnswer held, BootTime now);
  void OnPinReply(const PinReply& reply, BootTime now);
  void DoubtPins() { cache_.DoubtPins(); }  // what was pinned is told after dnspind's word only
  bool Assured(BootTime now) const { return assurance_.Holds(now); }
  Upstreams& upstreams() { return upstreams_; }  // for what its sockets bring, and its news
  const Upstreams& upstreams() const { return upstreams_; }

  void Expire(BootTime now);
  std::optional<BootTime> NextDeadline() const;

  // Nothing held, nothing in flight.
  bool Idle() const {
    return asked_.empty() && holds_.Idle() && upstreams_.Idle() && open_.count() == 0;
  }

 private:
  struct Asked {
    InquiryId id{};
    std::vector<Waiter> waiters;
    std::vector<StandingQuestion> standing;  // that wait for the answer as well
  };

  void Dispatch(Waiter waiter, BootTime now);
  void Ask(const Inquiry& inquiry, Waiter waiter, BootTime now);
  Permission PermissionOf(const Waiter& waiter, BootTime now) const;
  void GrantTargets(const std::vector<Name>& targets, const Reply& reply, const PinRequest& request,
                    BootTime now);
  Asked& AskUpstream(const Inquiry& inquiry, BootTime deadline, BootTime now);
  void LookForRecovery(const UpstreamResult& result, BootTime now);
  void AskStanding(const StandingQuestion& question, BootTime now);
  void LearnDropped(const StandingQuestion& question, const UpstreamResult& result, BootTime now);
  void Prefetch(const StandingQuestion& question, const Inquiry& inquiry,
                const UpstreamResult& result, BootTime now);
  void EndPrefetch(const Hold& hold, bool pinned, BootTime now);
  void Serve(const Inquiry& inquiry, Waiter waiter, const Permission& permission,
             const CachedResult& cached, BootTime now);
  PinRequest RequestFor(const Inquiry& inquiry, const Permission& permission,
                        const ToldAnswer& told) const;
  std::optional<std::chrono::seconds> ToldOfPins(const JudgedAnswer& judged, BootTime pinned_until,
                                                 std::chrono::seconds age, BootTime now) const;
  void NotePins(const Hold& hold);
  void OnUpstream(const Inquiry& inquiry, UpstreamResult result, BootTime now);
  std::vector<Waiter> TakeWaiters(bool ask_anew, BootTime now);
  bool MayWait(Waiter& waiter);
  bool MayAskName(const Name& name, const Permission& permission, BootTime now);

  OpenQuestions open_;  // outlives all waiters below
  DistantFirewall& firewall_;
  Teller teller_;
  PinHolds holds_;
  GrantedNames granted_;
  NewNames new_names_;
  AnswerCache cache_;
  std::optional<ClientPolicy> policy_;
  std::optional<BootTime> repeat_until_;  // the reply to the question that was dispatched last
  absl::flat_hash_map<Inquiry, Asked> asked_;
  CountersReport& counters_;
  Assurance& assurance_;
  StandingQuestions& standing_;
  bool upstreams_fail_ = false;  // the last result was no answer
  Upstreams upstreams_;
};

}  // namespace dnspin
