// What is asked over the control socket, and what it changes.

#include <fmt/format.h>

#include "nft/conntrack.h"
#include "nft/control_reply.h"
#include "nft/daemon.h"

namespace dnspin {
namespace {

constexpr size_t kFlowsShown = 64;

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
  if (!roster_.desired().may_learn) {
    return absl::PermissionDeniedError("learn = false in the configuration forbids it");
  }
  const Learning before = learning_;
  if (lesson.until > now) {
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
                     lesson.until > now
                         ? fmt::format("{} is taught for {} s: whatever it asks is OPENED to it",
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

// A lesson that is over is over: what cannot be closed now is tried again at once.
void Daemon::EndLessons(BootTime now) {
  const auto due = learning_.NextDeadline();
  if ((!due || *due > now) && !lessons_linger_) {
    return;
  }
  learning_.EndDue(now);
  const absl::Status status = ApplyLessons(now);
  lessons_linger_ = !status.ok();
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
