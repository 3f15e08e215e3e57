#include "nft/rule_ends.h"

#include <algorithm>

namespace dnspin {
namespace {

constexpr int64_t kUnreadMax = 5;  // seconds until it is seen that the clock was set

}  // namespace

size_t EraseEnded(RuleList& rules, int64_t wall_seconds) {
  const auto has_ended = [&](const Rule& rule) {
    return rule.expire && *rule.expire <= wall_seconds;
  };
  return std::any_of(rules.begin(), rules.end(), has_ended)  // else they stay shared
             ? std::erase_if(rules.Own(), has_ended)
             : 0;
}

void RuleEnds::Follow(const Desired& desired) {
  next_.reset();
  for (const DesiredClient& client : desired.clients) {
    for (const Rule& rule : client.rules) {
      if (rule.expire) {
        next_ = std::min(next_.value_or(*rule.expire), *rule.expire);
      }
    }
  }
}

bool RuleEnds::Due(BootTime now) const {
  return next_ && not_before_ <= now && *next_ <= clock_.WallSeconds();
}

size_t RuleEnds::TakeEnded(Desired& desired) const {
  size_t ended = 0;
  for (DesiredClient& client : desired.clients) {
    ended += EraseEnded(client.rules, clock_.WallSeconds());
  }
  return ended;
}

std::optional<BootTime> RuleEnds::NextDeadline(BootTime now) const {
  if (!next_) {
    return std::nullopt;
  }
  const int64_t left = std::clamp<int64_t>(*next_ - clock_.WallSeconds(), 0, kUnreadMax);
  return std::max(now + std::chrono::seconds(left), not_before_);
}

}  // namespace dnspin
