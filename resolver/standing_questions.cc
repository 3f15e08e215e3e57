#include "resolver/standing_questions.h"

#include <algorithm>
#include <utility>

namespace dnspin {

using std::chrono::seconds;

StandingQuestions::Line& StandingQuestions::LineOf(const StandingQuestion& question) {
  return lines_.at(static_cast<size_t>(question.why));
}

StandingQuestions::State* StandingQuestions::Find(Owner owner, const StandingQuestion& question) {
  const auto questions = owners_.find(owner);
  if (questions == owners_.end()) {
    return nullptr;
  }
  const auto found = questions->second.find(question);
  return found == questions->second.end() ? nullptr : &found->second;
}

void StandingQuestions::Unschedule(const StandingQuestion& question, const State& state) {
  if (state.due) {
    LineOf(question).erase({*state.due, state.turn, nullptr, {}});
  }
}

void StandingQuestions::Schedule(Owner owner, const StandingQuestion& question, State& state,
                                 BootTime at) {
  Unschedule(question, state);
  state.due = at;
  state.turn = ++last_turn_;
  LineOf(question).insert({at, state.turn, owner, question});
}

void StandingQuestions::Keep(Owner owner, const std::vector<StandingQuestion>& wanted,
                             BootTime now) {
  auto& known = owners_[owner];
  std::map<StandingQuestion, State> kept;
  for (const StandingQuestion& question : wanted) {
    if (auto node = known.extract(question); !node.empty()) {
      kept.insert(std::move(node));
    } else if (const auto [added, is_new] = kept.try_emplace(question); is_new) {
      Schedule(owner, question, added->second, now);
    }
  }
  for (const auto& [question, state] : known) {
    Unschedule(question, state);
  }
  known = std::move(kept);
}

void StandingQuestions::AskAllAnew(Owner owner, BootTime now) {
  for (auto& [question, state] : owners_[owner]) {
    state.pause = seconds(0);
    state.may_hurry = state.hurried = false;
    Schedule(owner, question, state, now);
  }
}

void StandingQuestions::AskFailed(BootTime now) {
  if (!std::exchange(some_may_hurry_, false)) {
    return;
  }
  for (auto& [owner, questions] : owners_) {
    for (auto& [question, state] : questions) {
      if (state.may_hurry && state.due && *state.due > now) {
        state.hurried = true;
        state.may_hurry = false;
        Schedule(owner, question, state, now);
      }
    }
  }
}

void StandingQuestions::Leave(Owner owner) {
  Keep(owner, {}, BootTime());
  owners_.erase(owner);
}

bool StandingQuestions::Keeps(Owner owner, const StandingQuestion& question) const {
  const auto questions = owners_.find(owner);
  return questions != owners_.end() && questions->second.contains(question);
}

// Of those that may be asked at the same moment, the one of the more urgent line; but each fourth
// is of the other, so that many dropped names that fail leave it some.
const StandingQuestions::Due* StandingQuestions::Next() const {
  const Due* next = nullptr;
  const size_t first = asked_ % 4 == 3 ? 1 : 0;
  for (const size_t index : {first, 1 - first}) {
    const Line& line = lines_.at(index);
    if (!line.empty() && (next == nullptr ||
                          std::max(line.begin()->at, next_ask_) < std::max(next->at, next_ask_))) {
      next = &*line.begin();
    }
  }
  return next;
}

std::optional<BootTime> StandingQuestions::NextDeadline() const {
  const Due* const next = Next();
  return next != nullptr ? std::optional(std::max(next->at, next_ask_)) : std::nullopt;
}

std::optional<BootTime> StandingQuestions::NextDeadline(Owner owner) const {
  const Due* const next = Next();
  return next != nullptr && next->owner == owner ? NextDeadline() : std::nullopt;
}

std::optional<StandingQuestion> StandingQuestions::TakeDue(Owner owner, BootTime now) {
  const auto deadline = NextDeadline(owner);
  if (!deadline || *deadline > now) {
    return std::nullopt;
  }
  StandingQuestion question = Next()->question;
  State& state = owners_.at(owner).at(question);
  Unschedule(question, state);
  state.due.reset();
  next_ask_ = now + kBetween;
  ++asked_;
  return question;
}

void StandingQuestions::AskAgain(Owner owner, const StandingQuestion& question, seconds after,
                                 BootTime now) {
  if (State* const state = Find(owner, question)) {
    state->pause = seconds(0);
    state->may_hurry = state->hurried = false;
    Schedule(owner, question, *state, now + after);
  }
}

void StandingQuestions::Failed(Owner owner, const StandingQuestion& question, BootTime now) {
  if (State* const state = Find(owner, question)) {
    const bool dropped = question.why == StandingQuestion::Why::kDropped;
    state->pause =
        std::clamp(2 * state->pause, kFirstPause, dropped ? kPauseMaxDropped : kPauseMaxPrefetched);
    state->may_hurry = !state->hurried;
    some_may_hurry_ = some_may_hurry_ || state->may_hurry;
    state->hurried = false;
    Schedule(owner, question, *state, now + state->pause);
  }
}

}  // namespace dnspin
