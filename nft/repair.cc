#include "nft/repair.h"

#include <fmt/format.h>

#include <algorithm>

namespace dnspin {
namespace {

constexpr std::chrono::milliseconds kRestorePauseMin{20};  // after one that failed
constexpr std::chrono::seconds kRestorePauseMax{1};        // after many
constexpr std::chrono::milliseconds kSleepMin{100};        // clocks are not read at one instant
constexpr std::chrono::seconds kComparePause{1};

}  // namespace

bool Repair::LookForDisturbance(BootTime now) {
  const auto disturbed = watch_.Drain();
  if (!disturbed.ok()) {
    Distrust(now);
  }
  if (disturbed.ok() && disturbed->has_value()) {
    return Restore(**disturbed + " changed what dnspind made", true, now);
  }
  return restore_at_ && *restore_at_ <= now &&
         Restore("the kernel was not heard, or said no", false, now);
}

void Repair::LookForSleep(BootTime now) {
  const auto slept = clock_.Slept();
  if (slept - slept_ > kSleepMin) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(slept - slept_).count();
    for (auto& [id, client] : roster_.clients()) {
      client.ledger.Expire(now);
    }
    Restore(fmt::format("the machine slept for {}s", seconds), false, now);
  }
  slept_ = slept;
}

bool Repair::Restore(const std::string& why, bool disturbed, BootTime now) {
  doubt_();
  restore_at_.reset();
  compare_not_before_ = now + kComparePause;
  const bool doors_touched = watch_.TakeDoorsTouched();
  const auto status = roster_.Restore(disturbed || unsure_, doors_touched || unsure_, now);
  if (!status.ok()) {
    restore_pause_ =
        std::clamp<BootClock::duration>(2 * restore_pause_, kRestorePauseMin, kRestorePauseMax);
    restore_at_ = now + restore_pause_;
    unsure_ = true;
    journal_.Say(
        Priority::kError,
        fmt::format("{}: it cannot be restored for now: {}", why, std::string(status.message())),
        now);
    return false;
  }
  unsure_ = false;
  restore_pause_ = {};
  journal_.Say(Priority::kWarning, why + ": it is again as it was", now);
  return true;
}

void Repair::CompareSoon(BootTime now) {
  const BootTime at = std::max(now, compare_not_before_);
  restore_at_ = std::min(restore_at_.value_or(at), at);
}

void Repair::Distrust(BootTime now) {
  doubt_();
  unsure_ = true;
  CompareSoon(now);
}

}  // namespace dnspin
