#pragma once
// Knows: dnspind's turn: wait, take what came, think at one instant, have the kernel confirm,
// answer. Touches: what it was given at start; opens nothing by itself.

#include <memory>
#include <optional>
#include <string>

#include "io/reactor.h"
#include "nft/control_server.h"
#include "nft/drop_service.h"
#include "nft/file_watch.h"
#include "nft/followed_servers.h"
#include "nft/journal.h"
#include "nft/launcher_link.h"
#include "nft/learning.h"
#include "nft/log_service.h"
#include "nft/netvm.h"
#include "nft/notices.h"
#include "nft/pin_service.h"
#include "nft/reader_service.h"
#include "nft/recent_rates.h"
#include "nft/repair.h"
#include "nft/roster.h"
#include "nft/rule_ends.h"
#include "nft/ruleset_watch.h"
#include "nft/set_writer.h"

namespace dnspin {

class Daemon {
 public:
  // Made by main.cc, with every power that their making needed; all outlive the daemon.
  struct Parts {
    Clock& clock;
    Reactor& reactor;
    Journal& journal;
    SetWriter& set_writer;
    Firewall& firewall;
    Routes& routes;
    RouteWatch& route_watch;
    FileWatch& resolv_conf_watch;
    FileWatch& lists_watch;       // which `load` has follow the files that it reads again
    RulesetWatch& ruleset_watch;  // which knows this process' own transactions
    Netvm* netvm;                 // null: rules are of files alone
    LauncherLink& launcher;
    Descriptor signals;  // signalfd of SIGTERM, SIGINT, SIGHUP
    Descriptor control_listener;
    gid_t control_group;
    LoadDesired load;
    ReadServers read_servers;
    WritePolicy write_policy;
    Isolation isolation;
    bool takes_log_rules;  // the kernel
  };

  explicit Daemon(Parts parts);

  // The firewall stands and every client is served when this returns OK.
  absl::Status Begin(Desired desired);

  // Until SIGTERM, or an error that it cannot live with. The firewall stays as it is: shut.
  absl::Status Run();

 private:
  absl::Status WatchAll();
  absl::Status RunOneTurn();
  void TellHandled();
  absl::Status SayReady(BootTime now);
  void TakeSignals();
  void TakeListChanges();
  void TakeRequests(BootTime now);
  void FollowServers(BootTime now);
  void CommitRequests(BootTime now);
  absl::Status DoubtAfter(absl::Status status, BootTime now);
  absl::Status Reload(Reading reading, BootTime now);
  void ReloadAndSay(BootTime now);
  void FollowWhatChanged(BootTime now);
  void PauseReloads(BootTime began);
  void EndExpiredRules(BootTime now);
  std::optional<BootTime> NextDeadline() const;
  void Tidy(BootTime now);
  // daemon_control.cc
  std::string AnswerControl(const std::string& request);
  absl::Status Learn(const std::string& client, const Learning::Lesson& lesson, BootTime now);
  absl::Status ApplyLessons(BootTime now);
  void EndLessons(BootTime now);
  std::optional<BootTime> NextLessonsEnd() const;
  void TakeRates(BootTime now);

  Parts parts_;
  ReaderService readers_;
  Roster roster_;
  PinService pins_;
  DropService drops_;
  FollowedServers followed_;
  Repair repair_;
  Notices notices_;
  RuleEnds ends_;
  Learning learning_;
  LogService log_;
  bool lessons_due_ = false;  // one is over, and it is not in force that it is
  BootTime lessons_not_before_;
  uint64_t taught_revision_ = 0;  // of the roster, that the lessons were looked at for
  RecentRates rates_;
  std::unique_ptr<ControlServer> control_;
  std::vector<Watch> watches_;
  bool stop_ = false;
  bool reload_wanted_ = false;
  bool live_changed_ = false;  // what Reading::kLive reads
  bool routes_changed_ = false;
  bool resolv_conf_changed_ = false;
  bool ready_ = false;
  size_t pins_adopted_ = 0;
  uint64_t roster_revision_ = 0;  // that the drops were looked at for
  BootTime started_;
  BootTime tidy_at_;
  uint64_t reloads_ = 0;
  uint64_t reloads_trimmed_ = 0;  // of these, when what they left was given back
  BootTime reload_not_before_;
  BootTime forget_past_at_;
};

}  // namespace dnspin
