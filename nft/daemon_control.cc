// What is asked over the control socket, and what it changes.

#include <fmt/format.h>

#include "nft/conntrack.h"
#include "nft/control_reply.h"
#include "nft/daemon.h"

namespace dnspin {
namespace {

constexpr size_t kFlowsShown = 64;
constexpr std::chrono::seconds kLessonsPause{1};  // after an end of lessons that failed

absl::StatusOr<std::vector<Flow>> FlowsTo(const ServedClient& client, const Address& address) {
  const auto& own = client.desired.addresses;
  std::vector<Flow> flows;
  const auto looked = ForgetFlows([&](const Flow& flow) {
    if (flows.size() < kFlowsShown && flow.packet.destination == address &&
        std::find(own.begin(), own.end(), flow.source) != own.end()) {
      flows.push_back(flow);
    }
    return false;
  });
  if (!looked.ok()) {
    return looked.status();
  }
  return flows;
}

CountersReport TotalsOf(const ServedClients& clients) {
  CountersReport totals;
  for (const auto& [id, client] : clients) {
    totals += client.Totals();
  }
  return totals;
}

}  // namespace

void Daemon::TakeRates(BootTime now) { rates_.Take(TotalsOf(roster_.clients()), now); }

// Its rules come, or go with their pins and flows.
absl::Status Daemon::Learn(const std::string& client, const Learning::Lesson& lesson,
                           BootTime now) {
  const bool begins = lesson.until > now;
  if (begins && !roster_.desired().may_learn) {
    return absl::PermissionDeniedError("learn = false in the configuration forbids it");
  }
  const Learning before = learning_;
  if (begins) {
    learning_.Begin(client, lesson);
  } else if (!learning_.End(client)) {
    return absl::FailedPreconditionError("it is not taught now");
  }
  if (auto status = ApplyLessons(now); !status.ok()) {
    learning_ = before;
    return status;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lesson.until - now);
  parts_.journal.Say(Priority::kWarning,
                     begins ? fmt::format("{} is taught for {} s: whatever it asks is OPENED to it",
                                          client, seconds.count())
                            : fmt::format("{} is taught no more", client),
                     now);
  return absl::OkStatus();
}

absl::Status Daemon::ApplyLessons(BootTime now) {
  Desired desired = roster_.desired();
  learning_.Apply(desired);
  return DoubtAfter(roster_.Change(desired, now), now);
}

std::optional<BootTime> Daemon::NextLessonsEnd() const {
  const auto next = lessons_due_ ? std::optional(lessons_not_before_) : learning_.NextDeadline();
  return next ? std::optional(std::max(*next, lessons_not_before_)) : std::nullopt;
}

// When its time is over, with its client, or with the rules that it was put among.
void Daemon::EndLessons(BootTime now) {
  lessons_due_ = learning_.EndDue(now) || lessons_due_;
  if (std::exchange(taught_revision_, roster_.revision()) != roster_.revision()) {
    const auto is_there = [this](const std::string& name, ClientId id) {
      const auto client = roster_.clients().find(id);
      return client != roster_.clients().end() && client->second.desired.name == name;
    };
    lessons_due_ = learning_.EndOfWhoHasGone(is_there) || lessons_due_;
  }
  if (!lessons_due_ || now < lessons_not_before_) {
    return;
  }
  const absl::Status status = ApplyLessons(now);
  lessons_due_ = !status.ok();
  lessons_not_before_ = status.ok() ? now : now + kLessonsPause;
  parts_.journal.Say(status.ok() ? Priority::kNotice : Priority::kError,
                     status.ok()
                         ? "a lesson is over: what only that had opened is shut again"
                         : "a lesson is over and still open: " + std::string(status.message()),
                     now);
}

std::string Daemon::AnswerControl(const std::string& request) {
  const BootTime now = parts_.clock.Now();
  const CountersReport totals = TotalsOf(roster_.clients());
  const ControlView view{
      .clients = roster_.clients(),
      .upstreams = roster_.upstreams(),
      .reader_pids = readers_.Pids(),
      .refresh_way =
          parts_.set_writer.refresh_way() == RefreshWay::kInPlace ? "in place" : "add, delete, add",
      .mode = roster_.desired().ruleset.snoop ? "snoop" : "answer",
      .uptime = std::chrono::duration_cast<std::chrono::seconds>(now - started_),
      .readers = readers_.tally(),
      .commits_failed = pins_.commits_failed(),
      .log_lines_dropped = parts_.journal.dropped(),
      .reloads = reloads_,
      .now = now,
      .log_reader_pid = log_.pid(),
      .reload = [this, now] { return Reload(Reading::kAll, now); },
      .find_flows = FlowsTo,
      .rate = [&](auto counter) { return rates_.Of(counter, totals, now); },
      .lessons = learning_.lessons(),
      .learn = [this, now](const std::string& client,
                           const Learning::Lesson& lesson) { return Learn(client, lesson, now); },
      .flush = [this, now](ClientId client) -> absl::StatusOr<size_t> {
        const auto pins = roster_.Flush(client, now);
        return pins.ok() ? pins : DoubtAfter(pins.status(), now);
      }};
  return ReplyToControl(request, view);
}

}  // namespace dnspin
