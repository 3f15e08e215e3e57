// dnspind: reads the configuration, gives its powers away but CAP_NET_ADMIN, and serves.

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "config/address_lists.h"
#include "config/configuration.h"
#include "config/policy_document.h"
#include "config/qubes_configuration.h"
#include "config/qubesdb_source.h"
#include "config/resolv_conf.h"
#include "config/text_file.h"
#include "io/system_clock.h"
#include "nft/confinement.h"
#include "nft/daemon.h"
#include "nft/giving_up.h"
#include "nft/kernel_sockets.h"
#include "nft/netvm.h"
#include "nft/notify.h"
#include "nft/rule_ends.h"
#include "nft/start.h"
#include "pinning/drop_names.h"

namespace dnspin {
namespace {

constexpr int kDone = 0;
constexpr int kRefusedByConfiguration = 1;
constexpr int kUsage = 2;

constexpr const char* kUsageText =
    "usage: dnspind [--config FILE] [--check] [--teardown] [--version] [--help]\n"
    "\n"
    "The firewall of this machine's clients, written in names. Runs in the foreground, as root\n"
    "until it has what it needs.\n"
    "\n"
    "  --config FILE   this file alone; else /etc/dnspin/dnspin.toml, and over it\n"
    "                  /rw/config/dnspin/dnspin.toml; clients.d and profiles.d lie beside\n"
    "  --check         say all that is wrong with the configuration, and end\n"
    "  --teardown      remove the tables that dnspind made: what they kept shut is open then\n"
    "\n"
    "SIGHUP reads the rules anew, SIGTERM ends and leaves the firewall shut.\n"
    "Exit: 0 done, 1 refused by the configuration, 2 usage, 3 the system would not.\n";

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr size_t kResolvConfOctetsMax = 1 << 16;

struct Arguments {
  std::optional<std::string> config;
  bool check = false;
  bool teardown = false;
};

int Fail(int status, const std::string& message) {
  std::fprintf(stderr, "<2>dnspind: %s\n", message.c_str());
  return status;
}

absl::StatusOr<std::vector<Endpoint>> ReadResolvConf() {
  const auto text = ReadTextFile(kResolvConf, kResolvConfOctetsMax);
  if (!text.ok()) {
    return text.status();
  }
  return ReadNameservers(*text);
}

// Names that will never be resolved: too many.
void WarnOfNamesBeyond(const DesiredClient& client, std::vector<std::string>& warnings) {
  const std::vector<Name> names = DropNamesOf(client.rules);
  const auto beyond = std::find_if(client.rules.begin(), client.rules.end(), [&](const Rule& rule) {
    return rule.DropsAddresses() &&
           std::find(names.begin(), names.end(), rule.host->name) == names.end();
  });
  if (beyond != client.rules.end()) {
    warnings.push_back(fmt::format("{}: more than {} dropped names: all behind this rule is shut",
                                   beyond->origin.Text(), kDropNamesMax));
  }
}

absl::StatusOr<std::vector<Endpoint>> ReadFollowed(FileWatch& resolv_conf) {
  resolv_conf.Arm();
  return ReadResolvConf();
}

std::vector<std::string> PlacesOf(const NetworkLists& lists) {
  std::vector<std::string> places;
  for (const auto& [path, list] : lists) {
    places.push_back(PlaceOfAddresses(path));
  }
  return places;
}

Desired DesiredOf(const Settings& settings, const std::vector<ClientConfig>& clients,
                  int64_t wall_seconds, uid_t reader_uid) {
  Desired desired;
  desired.ruleset.reader_uid = reader_uid;
  desired.ruleset.table = settings.table;
  desired.ruleset.interfaces = settings.interfaces;
  desired.ruleset.inbound_open = settings.inbound == Inbound::kOpen;
  desired.ruleset.intercept_any = settings.intercept_any;
  desired.ruleset.intercept = settings.intercept;
  // Not the upstreams: who may ask dnspin may not therefore go past it to another server.
  desired.ruleset.dns_servers = settings.intercept;
  desired.ruleset.snoop = settings.snoop;
  desired.ruleset.snoop_fail_open = settings.snoop_fail_open;
  if (settings.snoop) {
    desired.ruleset.intercept_any = true;  // whoever asks by a door does so wherever it asks
  }
  desired.dns_is_upstream = settings.snoop;  // the client's own server is no door of ours
  desired.may_learn = settings.learn;
  desired.pins = settings.terms;
  desired.limits = settings.limits;
  desired.rebind_ok = settings.rebind_ok;
  desired.bindings = settings.bindings;
  desired.upstreams_followed = settings.upstreams.empty();
  desired.upstreams = desired.upstreams_followed
                          ? ReadResolvConf().value_or(std::vector<Endpoint>())
                          : settings.upstreams;
  for (const ClientConfig& client : clients) {
    DesiredClient wanted{client.name,       client.addresses, {},
                         client.interfaces, client.fault,     client.unsettled};
    wanted.rules = client.rules;
    EraseEnded(wanted.rules, wall_seconds);
    if (settings.prefetch) {
      for (Rule& rule : wanted.rules.Own()) {
        rule.prefetch = true;
      }
    }
    WarnOfNamesBeyond(wanted, desired.warnings);
    desired.clients.push_back(std::move(wanted));
  }
  return desired;
}

// The configuration, as the files were last good, and what follows from it now.
class Loader {
 public:
  Loader(const ConfigurationFiles& files, Clock& clock) : files_(files), clock_(clock) {}

  // An error says every fault, one a line; what was read before stays.
  absl::Status ReadFiles() {
    LoadResult loaded = Load(files_, known_, clock_.WallSeconds());
    known_ = std::move(loaded.known);
    if (!loaded.configuration) {
      std::string errors;
      for (const Diagnostic& diagnostic : loaded.diagnostics) {
        errors += (errors.empty() ? "" : "\n") + diagnostic.Text();
      }
      return absl::InvalidArgumentError(errors);
    }
    const Settings* before = configuration_ ? &configuration_->settings : nullptr;
    const Settings& now = loaded.configuration->settings;
    if (before != nullptr &&
        (before->table != now.table || before->from_qubesdb != now.from_qubesdb ||
         before->isolated != now.isolated || before->snoop != now.snoop ||
         before->snoop_fail_open != now.snoop_fail_open)) {
      return absl::InvalidArgumentError(
          "[firewall] table, [clients] sources and [dns] mode, snoop_fail_open and isolation "
          "cannot change while dnspind runs");
    }
    configuration_ = std::move(loaded.configuration);
    diagnostics_ = std::move(loaded.diagnostics);
    return absl::OkStatus();
  }

  const Settings& settings() const { return configuration_->settings; }
  void SetReaderUid(uid_t uid) { reader_uid_ = uid; }
  void SetLogged(bool logged) { logged_ = logged; }

  // `view`: null if the files are all, or QubesDB has said nothing yet.
  Desired Make(const qubesdb::View* view, std::span<const Vif> vifs) {
    Desired desired = MakeClients(view, vifs);
    desired.ruleset.logged = logged_;
    std::vector<RuleList> rules;
    for (const DesiredClient& client : desired.clients) {
      rules.push_back(client.rules);
    }
    std::vector<Diagnostic> said;
    desired.lists = lists_.Read(rules, clock_.WallSeconds(), said);
    return WithWarnings(std::move(desired), said);
  }

 private:
  Desired MakeClients(const qubesdb::View* view, std::span<const Vif> vifs) {
    if (!settings().from_qubesdb) {
      return WithWarnings(
          DesiredOf(settings(), configuration_->clients, clock_.WallSeconds(), reader_uid_),
          diagnostics_);
    }
    QubesConfiguration qubes = ConfigurationOfQubes(
        *configuration_, reader_, view != nullptr ? *view : qubesdb::View(), vifs);
    Desired desired = DesiredOf(qubes.settings, qubes.clients, clock_.WallSeconds(), reader_uid_);
    desired.ruleset.connected = std::move(qubes.connected);
    desired.dns_is_upstream = true;
    return WithWarnings(WithWarnings(std::move(desired), diagnostics_), qubes.diagnostics);
  }

  static Desired WithWarnings(Desired desired, const std::vector<Diagnostic>& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics) {
      desired.warnings.push_back(diagnostic.Text());
    }
    return desired;
  }

  const ConfigurationFiles& files_;
  Clock& clock_;
  uid_t reader_uid_ = 0;
  bool logged_ = true;
  std::optional<Configuration> configuration_;
  std::vector<Diagnostic> diagnostics_;
  KnownClients known_;
  AddressLists lists_;
  TargetReader reader_;
};

absl::StatusOr<Descriptor> BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, number);
  }
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  Descriptor fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, "signalfd");
  }
  return fd;
}

absl::Status Serve(Loader& loader, const ConfigurationFiles& files, Started started,
                   Descriptor signals, SystemClock& clock) {
  Journal journal;
  SayWarnings(started, files.settings, journal, clock.Now());
  const std::string table = loader.settings().table;
  auto sockets = OpenKernelSockets(
      table, kResolvConf,
      loader.settings().snoop ? std::optional(loader.settings().snoop_fail_open) : std::nullopt);
  auto source = QubesdbSource::Create(QubesdbSource::DefaultSockets());
  for (const absl::Status& status : {sockets.status(), source.status()}) {
    if (!status.ok()) {
      return status;
    }
  }
  if (auto status = ConfineDnspind(); !status.ok()) {
    return status;
  }
  Firewall firewall(sockets->nftables, table, sockets->set_writer->refresh_way(),
                    sockets->hold_rules.get());
  if (sockets->hold_rules != nullptr) {
    const bool target = sockets->hold_rules->way() == QueueWay::kTarget;
    journal.Say(
        Priority::kNotice,
        fmt::format("answers are held by {}", target ? "xtables' target NFQUEUE" : "nft's queue"),
        clock.Now());
  }
  loader.SetLogged(sockets->takes_log_rules);
  LauncherLink launcher(std::move(started.launcher));
  Netvm netvm(*source, sockets->ruleset_watch, sockets->routes, journal);
  const bool in_netvm = loader.settings().from_qubesdb;
  const Isolation isolation = loader.settings().isolated ? Isolation::kClient : Isolation::kShared;
  if (in_netvm) {
    netvm.Await(clock);
  }
  const auto load = [&](Reading reading, std::span<const Vif> vifs) -> absl::StatusOr<Desired> {
    sockets->lists_watch.Arm();
    if (const auto status = reading == Reading::kAll ? loader.ReadFiles() : absl::OkStatus();
        !status.ok()) {
      return status;
    }
    Desired desired = loader.Make(source->view(), vifs);
    return sockets->lists_watch.Follow(PlacesOf(desired.lists)) ? loader.Make(source->view(), vifs)
                                                                : std::move(desired);
  };
  Daemon daemon({.clock = clock,
                 .reactor = *sockets->reactor,
                 .journal = journal,
                 .set_writer = *sockets->set_writer,
                 .firewall = firewall,
                 .routes = sockets->routes,
                 .route_watch = sockets->route_watch,
                 .resolv_conf_watch = sockets->resolv_conf_watch,
                 .lists_watch = sockets->lists_watch,
                 .ruleset_watch = sockets->ruleset_watch,
                 .netvm = in_netvm ? &netvm : nullptr,
                 .launcher = launcher,
                 .signals = std::move(signals),
                 .control_listener = std::move(started.control),
                 .control_group = started.user.gid,
                 .load = load,
                 .read_servers = [&] { return ReadFollowed(sockets->resolv_conf_watch); },
                 .write_policy = PolicyDocument,
                 .isolation = isolation,
                 .takes_log_rules = sockets->takes_log_rules});
  absl::Status status = daemon.Begin(*load(Reading::kLive, netvm.vifs()));  // which does not fail
  status = status.ok() ? daemon.Run() : status;
  NotifyServiceManager("STOPPING=1").IgnoreError();
  return status;
}

int Teardown(const std::string& table) {
  auto nftables = Nftables::Create();
  const absl::Status status =
      nftables.ok() ? Firewall::Teardown(*nftables, table) : nftables.status();
  return status.ok() ? kDone : Fail(kSystemWouldNot, std::string(status.message()));
}

int SayFaults(const ConfigurationFiles& files) {
  const std::vector<Diagnostic> said = Check(files, SystemClock().WallSeconds());
  for (const Diagnostic& diagnostic : said) {
    std::fprintf(stderr, "%s\n", diagnostic.Text().c_str());
  }
  return HasErrors(said) ? kRefusedByConfiguration : kDone;
}

// A question takes three sockets at most. Who serves all has as many as a process may well have.
uint32_t DescriptorsOfReader(const Settings& settings) {
  constexpr uint32_t kOthers = 128;  // doors, channel, probes of servers
  constexpr uint32_t kOfAll = 32768;
  return settings.isolated
             ? 3 * settings.limits.questions_in_flight + settings.limits.connections + kOthers
             : kOfAll;
}

int Start(const ConfigurationFiles& files) {
  SystemClock clock;
  Loader loader(files, clock);
  if (const auto read = loader.ReadFiles(); !read.ok()) {
    std::fprintf(stderr, "%s\n", std::string(read.message()).c_str());
    return kRefusedByConfiguration;
  }
  if (geteuid() != 0) {
    return Fail(kSystemWouldNot, "dnspind is started as root; it gives that up itself");
  }
  auto signals = BlockSignals();
  if (!signals.ok()) {
    return Fail(kSystemWouldNot, std::string(signals.status().message()));
  }
  const Settings& settings = loader.settings();
  auto started = StartAndDropPowers(
      {settings.run_dir, settings.user, settings.resolver_user, DescriptorsOfReader(settings)});
  if (!started.ok()) {
    return Fail(kSystemWouldNot, std::string(started.status().message()));
  }
  loader.SetReaderUid(started->reader.uid);
  const absl::Status status = Serve(loader, files, *std::move(started), *std::move(signals), clock);
  return status.ok() ? kDone : Fail(kSystemWouldNot, std::string(status.message()));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(kUsageText, stdout);
      return kDone;
    }
    if (word == "--version") {
      std::printf("dnspind %s\n", DNSPIN_VERSION);
      return kDone;
    }
    if (word == "--check") {
      arguments.check = true;
    } else if (word == "--teardown") {
      arguments.teardown = true;
    } else if (word == "--config" && i + 1 < argc) {
      arguments.config = argv[++i];
    } else if (word.starts_with("--config=")) {
      arguments.config = std::string(word.substr(word.find('=') + 1));
    } else {
      std::fputs(kUsageText, stderr);
      return kUsage;
    }
  }
  const ConfigurationFiles files =
      arguments.config ? ConfigurationFiles::One(*arguments.config) : ConfigurationFiles::Default();
  if (arguments.check) {
    return SayFaults(files);
  }
  if (arguments.teardown) {
    const LoadResult loaded = Load(files);
    return Teardown(loaded.configuration ? loaded.configuration->settings.table : Settings().table);
  }
  return Start(files);
}

}  // namespace
}  // namespace dnspin

int main(int argc, char** argv) { dnspin::EndWith(dnspin::Main, argc, argv); }
