#pragma once
// Knows: which clients are taught for now: what they ask resolves and is pinned, whatever it is,
// unless a rule drops it by name or address. Rules of its own, put among theirs and taken out
// again: no file, so that it ends with the process. Touches nothing.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nft/desired.h"
#include "pinning/clock.h"
#include "pinning/pin.h"

namespace dnspin {

class Learning {
 public:
  static constexpr std::chrono::seconds kLongest{3600};
  static constexpr size_t kServicesMax = 16;

  struct Lesson {
    BootTime until;
    std::vector<Service> services;           // that what it asks is opened for
    ClientId client{};                       // another one by that name is not taught
    std::optional<std::vector<Rule>> own{};  // its rules, as they were when it began
  };

  void Begin(const std::string& client, Lesson lesson) { lessons_[client] = std::move(lesson); }
  bool End(const std::string& client) { return lessons_.erase(client) != 0; }
  bool EndDue(BootTime now);  // true if any was over
  std::optional<BootTime> NextDeadline() const;
  const std::map<std::string, Lesson>& lessons() const { return lessons_; }

  // Of those who are no clients any more; true if there was any.
  bool EndOfWhoHasGone(const std::function<bool(const std::string& name, ClientId id)>& is_there);

  // `desired` with the rules of whoever is taught, in place of those of an earlier call. Whose own
  // rules have changed is taught no more: true if there was any.
  bool Apply(Desired& desired);

 private:
  std::map<std::string, Lesson> lessons_;  // by the client's name
};

// The rules of one who is taught: its own up to the first that drops whatever is left, then the
// drops that stand behind that, then the dropped names that are dropped for some service alone, for
// any, then one that accepts any name for each service, then all the rest.
std::vector<Rule> TaughtRules(std::span<const Rule> rules, std::span<const Service> services);
bool IsOfLesson(const Rule& rule);  // true if TaughtRules() has put it there
// Without these.
std::vector<Rule> OwnRules(std::span<const Rule> rules);

}  // namespace dnspin
