#include "nft/daemon.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "nft/control_reply.h"
#include "nft/notify.h"

namespace dnspin {
namespace {

constexpr std::chrono::seconds kTidyEvery{5};
constexpr std::chrono::milliseconds kControlPause{200};
constexpr std::chrono::milliseconds kReloadPauseMin{20};  // signals that come faster are one
constexpr std::chrono::seconds kFollowPause{1};           // after a change of dom0's that failed
constexpr std::chrono::seconds kEndPause{1};              // after the end of rules that failed

}  // namespace

Daemon::Daemon(Parts parts)
    : parts_(std::move(parts)),
      readers_(parts_.launcher, parts_.reactor, parts_.journal, parts_.write_policy,
               parts_.isolation),
      roster_(parts_.firewall, parts_.routes, readers_, parts_.journal),
      pins_(parts_.set_writer, parts_.journal, parts_.clock),
      drops_({[this](auto changes) { return parts_.firewall.ApplyDrops(changes); },
              [this](ServedClient& client, BootTime now) { readers_.SendPolicy(client, now); },
              parts_.journal, parts_.clock}),
      followed_(parts_.read_servers),
      repair_(parts_.ruleset_watch, roster_, parts_.journal, parts_.clock,
              [this] { readers_.DoubtPins(roster_.clients()); }),
      notices_(parts_.journal),
      ends_(parts_.clock),
      log_(parts_.launcher, parts_.reactor, parts_.journal, parts_.takes_log_rules) {}

absl::Status Daemon::WatchAll() {
  const auto watch = [this](int fd, std::function<void(Ready)> callback) -> absl::Status {
    auto added = parts_.reactor.Add(fd, std::move(callback));
    if (!added.ok()) {
      return added.status();
    }
    watches_.push_back(*std::move(added));
    return absl::OkStatus();
  };
  const auto looked_at_in_every_turn = [](Ready) {};
  for (const absl::Status& status :
       {watch(parts_.signals.get(), [this](Ready) { TakeSignals(); }),
        watch(parts_.launcher.fd(), looked_at_in_every_turn),
        watch(parts_.route_watch.fd(), [this](Ready) { routes_changed_ = true; }),
        watch(parts_.resolv_conf_watch.fd(), [this](Ready) { resolv_conf_changed_ = true; }),
        watch(parts_.lists_watch.fd(), [this](Ready) { TakeListChanges(); }),
        watch(parts_.ruleset_watch.fd(), looked_at_in_every_turn),
        parts_.netvm == nullptr ? absl::OkStatus()
                                : watch(parts_.netvm->fd(), looked_at_in_every_turn)}) {
    if (!status.ok()) {
      return status;
    }
  }
  auto control = ControlServer::Create(
      std::move(parts_.control_listener), parts_.control_group, parts_.reactor,
      [this](const std::string& request) { return AnswerControl(request); });
  if (!control.ok()) {
    return control.status();
  }
  control_ = *std::move(control);
  return absl::OkStatus();
}

absl::Status Daemon::Begin(Desired desired) {
  started_ = parts_.clock.Now();
  followed_.Adopt(desired, roster_.desired(), started_);
  desired.SettleUpstreams();
  if (auto status = WatchAll(); !status.ok()) {
    return status;
  }
  if (auto status = roster_.Begin(desired, started_); !status.ok()) {
    return status;
  }
  notices_.Say(desired, Reading::kAll, started_);
  TellHandled();
  ends_.Follow(desired);
  for (const auto& [id, client] : roster_.clients()) {
    pins_adopted_ += client.ledger.pins().size();
  }
  return absl::OkStatus();
}

// dom0 hears that its rules are in force when those of all are.
void Daemon::TellHandled() {
  if (parts_.netvm != nullptr && roster_.IsComplete()) {
    parts_.netvm->TellHandled();
  }
}

// Once, when everybody is served.
absl::Status Daemon::SayReady(BootTime now) {
  if (ready_ || !readers_.AllAreServed() || !roster_.IsComplete()) {
    return absl::OkStatus();
  }
  ready_ = true;
  TellHandled();
  parts_.journal.Say(Priority::kNotice,
                     fmt::format("dnspind {} serves {} clients, {} pins adopted", DNSPIN_VERSION,
                                 roster_.clients().size(), pins_adopted_),
                     now);
  return NotifyServiceManager("READY=1");
}

absl::Status Daemon::Run() {
  while (!stop_) {
    if (auto status = RunOneTurn(); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Daemon::RunOneTurn() {
  if (auto status = parts_.reactor.Turn(parts_.clock.Now(), NextDeadline()); !status.ok()) {
    return status;
  }
  const BootTime now = parts_.clock.Now();
  if (auto status = readers_.TakeExits(roster_.clients(), now); !status.ok()) {
    return status;  // without its launcher dnspind can start no reader: it starts anew itself
  }
  repair_.LookForSleep(now);
  repair_.LookForDisturbance(now);
  TakeRequests(now);
  bool routes_changed = false;
  if (std::exchange(routes_changed_, false)) {
    const auto changed = parts_.route_watch.Drain();
    routes_changed = !changed.ok() || *changed;
  }
  if (parts_.netvm != nullptr) {
    live_changed_ = parts_.netvm->Look(routes_changed, now) || live_changed_;
  }
  if (routes_changed) {
    roster_.FollowRoutes(now);
  }
  FollowServers(now);
  if (reload_wanted_ && reload_not_before_ <= now) {
    ReloadAndSay(now);
  } else if (live_changed_ && reload_not_before_ <= now) {
    FollowWhatChanged(now);
  }
  if (ends_.Due(now)) {
    EndExpiredRules(now);
  }
  EndLessons(now);
  DoubtAfter(roster_.LetIn(now), now).IgnoreError();
  if (std::exchange(roster_revision_, roster_.revision()) != roster_.revision()) {
    drops_.Look();
  }
  for (const ClientId client : drops_.Settle(roster_.clients(), now)) {
    roster_.DoubtFlows(client);
  }
  roster_.CutRefusedFlows(now);
  drops_.Rest();
  readers_.Restart(roster_.clients(), now);
  if (ready_) {
    log_.Settle(roster_.clients(), now);
  }
  Tidy(now);
  return SayReady(now);
}

void Daemon::TakeSignals() {
  signalfd_siginfo signal{};
  while (read(parts_.signals.get(), &signal, sizeof(signal)) == sizeof(signal)) {
    if (signal.ssi_signo == SIGHUP) {
      reload_wanted_ = true;
    } else {
      stop_ = true;
    }
  }
}

void Daemon::TakeListChanges() { live_changed_ = parts_.lists_watch.Drain() || live_changed_; }

void Daemon::TakeRequests(BootTime now) {
  std::vector<std::pair<ClientId, ReaderFault>> ended;
  for (const ClientId id : readers_.TakeSpeaking()) {
    const auto found = roster_.clients().find(id);
    if (found == roster_.clients().end() || !found->second.readable) {
      continue;  // it has gone meanwhile, or its reader has
    }
    ServedClient& client = found->second;
    if (auto fault = pins_.Take(client, now)) {
      ended.emplace_back(id, *std::move(fault));
    } else if (client.readable) {
      readers_.SpeaksOn(client);
    }
    if (client.held != nullptr) {
      client.held->Flush();
    }
    if (client.drops_due) {
      drops_.Look();
    }
  }
  CommitRequests(now);
  for (auto& end : pins_.Answer(roster_.clients())) {
    ended.push_back(std::move(end));
  }
  for (const auto& [id, fault] : ended) {
    ServedClient& client = roster_.clients().at(id);
    if (client.reader != 0) {
      client.breaches += fault.breach ? 1 : 0;
      readers_.EndReaderOf(client, fault.why, roster_.clients(), now);
    }
  }
}

void Daemon::FollowServers(BootTime now) {
  if (std::exchange(resolv_conf_changed_, false) && parts_.resolv_conf_watch.Drain()) {
    followed_.FileChanged(now);
  }
  const FollowedServers::Reading reading = followed_.Expire(roster_.desired(), now);
  if (!reading.warning.empty()) {
    parts_.journal.Say(Priority::kWarning, reading.warning, now);
  }
  if (!reading.servers) {
    return;
  }
  const auto status = DoubtAfter(roster_.FollowUpstreams(*reading.servers, now), now);
  if (!status.ok()) {
    parts_.journal.Say(Priority::kError,
                       "they cannot be followed: " + std::string(status.message()), now);
    followed_.FileChanged(now);  // again
  }
}

// What others did in the meantime is put right before anything is told.
void Daemon::CommitRequests(BootTime now) {
  if (!pins_.Waiting()) {
    return;
  }
  const bool confirmed = pins_.Commit(roster_.clients());
  const bool restored = repair_.LookForDisturbance(now);
  if (!confirmed && !(restored && pins_.Commit(roster_.clients()))) {
    repair_.CompareSoon(now);
  }
  if (repair_.unsure()) {
    pins_.Distrust();
  }
}

// Of a change: the kernel may hold some of it.
absl::Status Daemon::DoubtAfter(absl::Status status, BootTime now) {
  if (absl::IsDataLoss(status)) {
    repair_.Distrust(now);
  }
  return status;
}

absl::Status Daemon::Reload(Reading reading, BootTime now) {
  reload_wanted_ = reload_wanted_ && reading != Reading::kAll;
  auto desired =
      parts_.load(reading, parts_.netvm != nullptr ? parts_.netvm->vifs() : std::span<const Vif>());
  if (!desired.ok()) {
    return desired.status();
  }
  followed_.Adopt(*desired, roster_.desired(), now);
  desired->SettleUpstreams();
  learning_ = desired->may_learn ? std::move(learning_) : Learning();
  lessons_due_ = learning_.Apply(*desired) || lessons_due_;  // until that is in force
  if (parts_.netvm != nullptr) {
    parts_.netvm->KeepUnsettled(*desired, roster_.desired(), now);
  }
  if (auto status = DoubtAfter(roster_.Change(*desired, now), now); !status.ok()) {
    return status;
  }
  ++reloads_;
  live_changed_ = false;
  ends_.Follow(*desired);
  notices_.Say(*desired, reading, now);
  TellHandled();
  return absl::OkStatus();
}

// dom0 has said something, a qube has come or gone, or a file of addresses is another.
void Daemon::FollowWhatChanged(BootTime now) {
  if (const auto status = Reload(Reading::kLive, now); !status.ok()) {
    parts_.journal.Say(Priority::kError,
                       "what has changed is not in force yet: " + std::string(status.message()),
                       now);
    reload_not_before_ = now + kFollowPause;
    return;
  }
  PauseReloads(now);
}

void Daemon::PauseReloads(BootTime began) {
  const BootTime after = parts_.clock.Now();
  reload_not_before_ = after + std::max<BootClock::duration>(kReloadPauseMin, after - began);
}

void Daemon::ReloadAndSay(BootTime now) {
  const auto monotonic = std::chrono::duration_cast<std::chrono::microseconds>(
                             std::chrono::steady_clock::now().time_since_epoch())
                             .count();
  NotifyServiceManager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic)).IgnoreError();
  if (const auto status = Reload(Reading::kAll, now); !status.ok()) {
    const std::string errors(status.message());
    for (size_t from = 0; from < errors.size();) {
      const size_t end = std::min(errors.find('\n', from), errors.size());
      parts_.journal.Write({Priority::kError, errors.substr(from, end - from), "error", {}, {}},
                           now);
      from = end + 1;
    }
    parts_.journal.Say(Priority::kError, "not reloaded: the rules in force stay", now);
  } else {
    parts_.journal.Say(Priority::kNotice,
                       fmt::format("reloaded: {} clients", roster_.clients().size()), now);
  }
  if (ready_) {
    NotifyServiceManager("READY=1").IgnoreError();
  }
  PauseReloads(now);
}

// Rules end on time whatever the files look like at that moment: none is read.
void Daemon::EndExpiredRules(BootTime now) {
  Desired desired = roster_.desired();
  const size_t ended = ends_.TakeEnded(desired);
  if (const auto status = DoubtAfter(roster_.Change(desired, now), now); !status.ok()) {
    parts_.journal.Say(
        Priority::kError,
        fmt::format("{} rules should have ended: {}", ended, std::string(status.message())), now);
    ends_.Postpone(now + kEndPause);
    return;
  }
  parts_.journal.Say(Priority::kNotice, fmt::format("{} rules have ended", ended), now);
  ends_.Follow(desired);
}

std::optional<BootTime> Daemon::NextDeadline() const {
  BootTime next = tidy_at_;
  for (const auto& due :
       {ends_.NextDeadline(parts_.clock.Now()), readers_.NextDeadline(), followed_.NextDeadline(),
        repair_.NextDeadline(), NextLessonsEnd(), ready_ ? log_.NextDeadline() : std::nullopt,
        roster_.NextDeadline(), drops_.NextDeadline(),
        reload_wanted_ || live_changed_ ? std::optional(reload_not_before_) : std::nullopt,
        parts_.netvm != nullptr ? parts_.netvm->NextDeadline() : std::nullopt}) {
    next = std::min(next, due.value_or(next));
  }
  if (readers_.AnySpeaks()) {
    return parts_.clock.Now();  // what was beyond its share in this turn
  }
  if (control_ && control_->Busy()) {
    next = std::min(next, parts_.clock.Now() + kControlPause);
  }
  return next;
}

void Daemon::Tidy(BootTime now) {
  control_->Expire(now);
  if (parts_.netvm != nullptr) {
    parts_.netvm->TellNames(roster_.clients(), now);
  }
  if (tidy_at_ > now) {
    return;
  }
  tidy_at_ = now + kTidyEvery;
  if (std::exchange(reloads_trimmed_, reloads_) != reloads_) {
    malloc_trim(0);  // a large text leaves a large heap behind
  }
  TakeRates(now);
  parts_.journal.TellDropped(now);
  for (auto& [id, client] : roster_.clients()) {
    client.ledger.Expire(now);
    client.grants.Expire(now);
  }
  // Whoever begins flows without end makes that look long, and the others' answers wait for it: it
  // takes a two-hundredth of the time at most.
  if (forget_past_at_ <= now) {
    const BootTime began = parts_.clock.Now();
    LiveFlows::ForgetPast(roster_.clients()).IgnoreError();  // then it is remembered for longer
    forget_past_at_ = now + 200 * (parts_.clock.Now() - began);
  }
}

}  // namespace dnspin
