#include "nft/handled_targets.h"

#include <utility>

namespace dnspin {

void HandledTargets::Take(const std::map<std::string, uint32_t>& told) {
  if (std::exchange(connection_, source_.connection()) != source_.connection()) {
    told_.clear();  // a new connection begins with all that there is
    in_force_.clear();
  }
  for (const auto& [target, count] : told) {
    told_[target] += count;
  }
}

void HandledTargets::InForce(const std::function<bool(const std::string& target)>& waits) {
  for (const auto& [target, count] : std::exchange(told_, {})) {
    (waits(target) ? told_ : in_force_)[target] += count;
  }
}

// The source takes nothing while it reads what it has not read before, as the targets of a qube
// that has just come.
void HandledTargets::Write() {
  std::erase_if(in_force_, [this](const auto& target) {
    return source_.Write(std::string(kPublishedCounts) + target.first,
                         std::to_string(source_.Handled(target.first) + target.second));
  });
}

}  // namespace dnspin
