#pragma once
// Knows: which names this process resolves although nobody asks, and when each is due: names of
// drop rules, and exact names of accept rules. One for all clients, so that what has waited longest
// comes first whoever's it is, and all together ask at most 50 questions a second. Touches nothing.

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pinning/clock.h"
#include "pinning/name.h"

namespace dnspin {

struct StandingQuestion {
  enum class Why : uint8_t { kDropped, kPrefetched };
  Why why = Why::kDropped;
  Name name;
  uint16_t type = 0;
  auto operator<=>(const StandingQuestion&) const = default;
};

class StandingQuestions {
 public:
  static constexpr std::chrono::milliseconds kBetween{20};    // two questions
  static constexpr std::chrono::seconds kFirstPause{1};       // after a failure; then doubled
  static constexpr std::chrono::seconds kPauseMaxDropped{5};  // a chain waits for it
  static constexpr std::chrono::seconds kPauseMaxPrefetched{300};

  using Owner = const void*;  // a client's forwarder

  // These are the owner's from now on: those that it had keep their time, the others are due.
  void Keep(Owner owner, const std::vector<StandingQuestion>& wanted, BootTime now);
  void AskAllAnew(Owner owner, BootTime now);  // another network may know other answers
  void Leave(Owner owner);

  // An upstream answers again: whatever failed is due at once, whoever's it is. One that fails then
  // too must first wait out its pause: it is asked at most twice as often as without this.
  void AskFailed(BootTime now);

  // The one to be asked now, if it is the owner's turn. It stays the owner's, but is due again only
  // after one of the two below.
  std::optional<StandingQuestion> TakeDue(Owner owner, BootTime now);
  void AskAgain(Owner owner, const StandingQuestion& question, std::chrono::seconds after,
                BootTime now);
  void Failed(Owner owner, const StandingQuestion& question, BootTime now);

  bool Keeps(Owner owner, const StandingQuestion& question) const;

  // When the next is to be taken, whoever's it is; and if that is the owner's.
  std::optional<BootTime> NextDeadline() const;
  std::optional<BootTime> NextDeadline(Owner owner) const;

 private:
  struct State {
    std::optional<BootTime> due;    // none: it is being asked
    uint64_t turn = 0;              // among those due at one instant
    std::chrono::seconds pause{0};  // the last; 0: it has not failed
    bool hurried = false;           // AskFailed made it due
    bool may_hurry = false;
  };
  struct Due {
    BootTime at;
    uint64_t turn = 0;
    Owner owner = nullptr;
    StandingQuestion question;
    bool operator<(const Due& other) const {
      return std::pair(at, turn) < std::pair(other.at, other.turn);
    }
  };
  using Line = std::set<Due>;

  Line& LineOf(const StandingQuestion& question);
  void Schedule(Owner owner, const StandingQuestion& question, State& state, BootTime at);
  void Unschedule(const StandingQuestion& question, const State& state);
  State* Find(Owner owner, const StandingQuestion& question);
  const Due* Next() const;

  std::map<Owner, std::map<StandingQuestion, State>> owners_;
  std::array<Line, 2> lines_;  // by Why: a chain that is closed is the more urgent, but not always
  uint64_t last_turn_ = 0;
  uint64_t asked_ = 0;
  BootTime next_ask_;  // not before
  bool some_may_hurry_ = false;
};

}  // namespace dnspin
