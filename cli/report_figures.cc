#include "cli/report_figures.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace dnspin {
namespace {

constexpr int kStepsMax = 72;

absl::Duration StepFor(absl::Duration length) {
  for (const int minutes : {1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720}) {
    if (length / absl::Minutes(minutes) <= kStepsMax) {
      return absl::Minutes(minutes);
    }
  }
  return absl::Ceil(length / kStepsMax, absl::Hours(24));
}

// Back to where the clock on the wall shows a multiple of the step.
absl::Time RoundDown(absl::Time time, absl::Duration step, const absl::TimeZone& zone) {
  const absl::Duration offset = absl::Seconds(zone.At(time).offset);
  return absl::UnixEpoch() + absl::Floor(time - absl::UnixEpoch() + offset, step) - offset;
}

// Counted one event after the other, in the order of their times.
class Count {
 public:
  Count(TimeSpan period, const absl::TimeZone& zone) {
    figures_.period = period;
    figures_.step = StepFor(period.length());
    figures_.first_step = RoundDown(period.begin, figures_.step, zone);
    figures_.steps.resize(StepOf(period.end) + 1);
  }

  void Take(const JournalEvent& event) {
    if (event.kind == EventKind::kLeftOut) {
      figures_.left_out += event.lines_left_out;
      return;
    }
    figures_.lines.Count(event.kind);
    if (event.at) {
      figures_.steps[StepOf(*event.at)].Count(event.kind);
    } else {
      ++figures_.without_time;
    }
    if (event.kind == EventKind::kBlocked || event.kind == EventKind::kError) {
      figures_.troubles.push_back({event.at, event.kind == EventKind::kBlocked, event.reason});
      return;
    }
    TakeName(event);
    if (event.kind == EventKind::kRefused) {
      TakeRefusal(event);
    } else {
      TakePin(event);
    }
  }

  Figures Take() {
    for (auto& [name, figures] : names_) {
      figures.name = name;
      figures.addresses = addresses_[name].size();
      figures_.names.push_back(std::move(figures));
    }
    for (auto& [key, refusal] : refusals_) {
      figures_.refusals.push_back(std::move(refusal));
    }
    for (auto& [key, pinned] : pinned_) {
      for (TimeSpan& life : pinned.lives) {
        life.end = std::min(life.end, figures_.period.end);
      }
      figures_.pinned.push_back(std::move(pinned));
    }
    const auto by = [](auto& list, const auto& size) {
      std::ranges::stable_sort(list, std::ranges::greater(), size);
    };
    by(figures_.names, [](const NameFigures& name) { return name.lines.sum(); });
    by(figures_.refusals, &Refusal::lines);
    by(figures_.pinned, &PinnedAddress::open);
    std::ranges::reverse(figures_.troubles);
    return std::move(figures_);
  }

 private:
  size_t StepOf(absl::Time time) const {
    return static_cast<size_t>((time - figures_.first_step) / figures_.step);
  }

  void TakeName(const JournalEvent& event) {
    names_[event.name].lines.Count(event.kind);
    if (event.kind == EventKind::kPinned) {
      addresses_[event.name].insert(event.address);
    }
  }

  void TakeRefusal(const JournalEvent& event) {
    Refusal& refusal = refusals_[{event.name, event.reason}];
    refusal.name = event.name;
    refusal.reason = event.reason;
    ++refusal.lines;
    if (event.at) {
      refusal.first = refusal.first.value_or(*event.at);
      refusal.last = event.at;
    }
  }

  // A line about an address that is open prolongs its life, and never shortens it.
  void TakePin(const JournalEvent& event) {
    const bool revoked = event.kind == EventKind::kRevoked;
    PinnedAddress& pin = pinned_[{event.name, event.address}];
    pin.name = event.name;
    pin.address = event.address;
    pin.lines += revoked ? 0 : 1;
    pin.rule = revoked ? pin.rule : event.rule;
    pin.revoked = revoked;
    if (!event.at) {
      return;
    }
    const bool open = !pin.lives.empty() && pin.lives.back().end >= *event.at;
    if (revoked) {
      if (open) {
        pin.lives.back().end = *event.at;
      }
      return;
    }
    const absl::Time end = *event.at + absl::Seconds(event.life_s);
    if (open) {
      pin.lives.back().end = std::max(pin.lives.back().end, end);
    } else {
      pin.lives.push_back({*event.at, end});
    }
  }

  Figures figures_;
  std::map<std::string, NameFigures> names_;
  std::map<std::string, std::set<std::string>> addresses_;
  std::map<std::pair<std::string, std::string>, Refusal> refusals_;
  std::map<std::pair<std::string, std::string>, PinnedAddress> pinned_;
};

}  // namespace

void LineCounts::Count(EventKind kind) {
  switch (kind) {
    case EventKind::kPinned:
      ++pinned;
      break;
    case EventKind::kRefused:
      ++refused;
      break;
    case EventKind::kRevoked:
      ++revoked;
      break;
    case EventKind::kBlocked:
    case EventKind::kError:
      ++trouble;
      break;
    case EventKind::kLeftOut:
      break;
  }
}

absl::Duration PinnedAddress::open() const {
  absl::Duration sum;
  for (const TimeSpan& life : lives) {
    sum += life.end - life.begin;
  }
  return sum;
}

Figures CountEvents(std::vector<JournalEvent> events, TimeSpan period, const absl::TimeZone& zone) {
  std::erase_if(events, [&period](const JournalEvent& event) {
    return event.at && (*event.at < period.begin || *event.at > period.end);
  });
  std::ranges::stable_sort(events, {}, [](const JournalEvent& event) {
    return event.at.value_or(absl::InfinitePast());
  });
  Count count(period, zone);
  for (const JournalEvent& event : events) {
    count.Take(event);
  }
  return count.Take();
}

}  // namespace dnspin
