// What the forwarder asks without a client that waits: names of drop rules, and exact names of
// accept rules.

#include <utility>

#include "resolver/forwarder.h"
#include "resolver/special_name.h"
#include "resolver/standing_answer.h"

namespace dnspin {

using std::chrono::seconds;

void Forwarder::AskStanding(const StandingQuestion& question, BootTime now) {
  if (question.why == StandingQuestion::Why::kDropped && IsOurs(question.name, question.type)) {
    LearnDropped(question, Answer{dns::kNxDomain, question.name, question.type, {}, {}}, now);
    return;
  }
  const Inquiry inquiry{question.name, question.type, false, false};
  const auto found = asked_.find(inquiry);
  Asked& asked =
      found != asked_.end() ? found->second : AskUpstream(inquiry, now + kQuestionPatience, now);
  asked.standing.push_back(question);
}

// What dnspind does not hear is asked for again.
void Forwarder::LearnDropped(const StandingQuestion& question, const UpstreamResult& result,
                             BootTime now) {
  const Policy& policy = policy_->policy();
  const Family family = question.type == dns::kA ? Family::kIpv4 : Family::kIpv6;
  const auto answer = Definite(result, policy.terms);
  if (answer &&
      firewall_.Drop(PiecesOf(question.name, family, policy.generation, answer->addresses))) {
    standing_.AskAgain(this, question, answer->life, now);
  } else {
    standing_.Failed(this, question, now);
  }
}

void Forwarder::Prefetch(const StandingQuestion& question, const Inquiry& inquiry,
                         const UpstreamResult& result, BootTime now) {
  const Permission permission =
      policy_->Judge(inquiry.asked, inquiry.type, Transport::kTcp, std::nullopt);
  const auto answer = Definite(result, policy_->policy().terms);
  if (permission.standing != Standing::kPinned || !answer) {
    standing_.Failed(this, question, now);
    return;
  }
  const JudgedAnswer judged = JudgeAnswer(result, inquiry, permission, *policy_);
  if (judged.addresses.empty()) {
    standing_.AskAgain(this, question, answer->life, now);
    return;
  }
  ToldAnswer told = Tell(judged, seconds(0), true, policy_->policy().terms);
  holds_.Begin({inquiry, permission.rule}, std::move(told.reply), judged.addresses,
               RequestFor(inquiry, permission, told), std::nullopt, now);
}

void Forwarder::EndPrefetch(const Hold& hold, bool pinned, BootTime now) {
  const Inquiry& inquiry = hold.key.inquiry;
  const StandingQuestion question{StandingQuestion::Why::kPrefetched, inquiry.asked, inquiry.type};
  if (!hold.unasked) {
    return;
  }
  if (pinned) {
    standing_.AskAgain(this, question, PrefetchedAgainAfter(hold.told, policy_->policy().terms),
                       now);
  } else {
    standing_.Failed(this, question, now);
  }
}

}  // namespace dnspin
