#include "cli/commands.h"

#include <algorithm>
#include <vector>

#include "cli/import.h"

namespace dnspin {
namespace {

const Argument kClient{"CLIENT", Names::kClient};
const Argument kAnyClient{"[CLIENT]", Names::kClient};

constexpr Option kPorts{"--ports", "LIST", "such as tcp/80,tcp/443,udp/443"};

std::vector<Command> OfNow() {
  return {
      {"status",
       {},
       {},
       "how dnspind is: uptime, upstreams, who is learning, counters",
       "",
       "  dnspin status\n  dnspin --json status | jq .counters.answers_released_unpinned\n",
       RunStatus},
      {"clients",
       {},
       {},
       "whom it serves",
       "",
       "  dnspin clients\n  dnspin --json clients | jq -r '.[].client'\n",
       RunClients},
      {"pins",
       {kAnyClient},
       {},
       "what is open now, for which name and rule, and how long",
       "",
       "  dnspin pins\n  dnspin pins work\n",
       RunPins},
      {"why",
       {kClient, {"ADDRESS"}},
       {},
       "why an address is open to a client, and who uses it",
       "Which pins and rules hold it, what the client was told with it, and its live flows.\n",
       "  dnspin why work 140.82.112.3\n",
       RunWhy},
      {"explain",
       {kClient, {"NAME"}},
       {{"--ask", "", "ask this machine's resolver for the name"}},
       "what would become of a question for a name",
       "Nothing is asked of any server, unless --ask says so: then which addresses the name has\n"
       "now, and which of them dnspin would pin.\n",
       "  dnspin explain work api.github.com\n  dnspin explain work github.com --ask\n",
       RunExplain},
      {"watch",
       {kAnyClient},
       {},
       "questions, refusals and pins as they come",
       "On a terminal a view of its own (q ends it); else a line for each event.\n",
       "  dnspin watch\n  dnspin watch work | grep refused\n",
       RunWatch},
  };
}

std::vector<Command> OfRules() {
  return {
      {"blocked",
       {kAnyClient},
       {},
       "what was refused, and which packets were rejected",
       "",
       "  dnspin blocked work\n",
       RunBlocked},
      {"learn",
       {kClient, {"[TIME]", Names::kWord, {"30s", "10m", "60m", "off"}}},
       {kPorts},
       "open what a client asks for a while, and take notes",
       "TIME is 10m where none is given, at most 60m; off ends it. --ports says on which services\n"
       "(tcp/80,tcp/443,udp/443). `dnspin suggest` then has the rules.\n",
       "  dnspin learn work\n  dnspin learn work 30m --ports tcp/443,tcp/22\n"
       "  dnspin learn work off\n",
       RunLearn},
      {"suggest",
       {kClient},
       {{"--qvm", "VMNAME", "as commands for dom0 instead"}},
       "rules for what a client asked for and did not get",
       "By owner of the domain; of three names or more below one domain it is the domain that is\n"
       "proposed. Read them before you take them: what asked may have been what you fear.\n",
       "  dnspin suggest work\n"
       "  dnspin suggest work > /tmp/more    # read it, put what you know into the file, reload\n"
       "  dnspin suggest work --qvm work\n",
       RunSuggest},
      {"simulate",
       {kClient, {"FILE", Names::kPath}},
       {{"--all", "", "also what would stay as it is"}},
       "what rules in FILE would have done to what was asked",
       "FILE is a client file; the profiles it uses lie in profiles.d beside it or beside its\n"
       "folder, else where dnspind's are. Nothing is changed.\n",
       "  dnspin simulate work /tmp/work\n",
       RunSimulate},
      {"flush",
       {kClient},
       {},
       "take back a client's pins, and end what flows by them",
       "",
       "  dnspin flush work\n",
       RunFlush},
      {"reload",
       {},
       {},
       "read the rules anew and put them in force",
       "",
       "  dnspin reload\n",
       RunReload},
      {"refresh",
       {{"PROFILE"}},
       {},
       "fetch the lists of addresses that a profile names",
       "By curl, once. What cannot be had, or is no list of networks, leaves the old one: each is\n"
       "`good`, `outdated` or `failed`, and the exit code 0, 1 or 3; without such a profile, or\n"
       "with a bad one, 2. dnspind follows a new list.\n",
       "  dnspin refresh fastly\n"
       "  systemctl enable --now dnspin-refresh@fastly.timer\n",
       RunRefresh},
  };
}

std::vector<Command> OfPaper() {
  return {
      {"metrics",
       {},
       {},
       "the counters as Prometheus text",
       "",
       "  dnspin metrics\n  dnspin --json metrics | jq .pins\n",
       RunMetrics},
      {"report",
       {kClient},
       {{"--since", "TIME", "how far back: 45m, 1h, 24h"},
        {"--journal", "FILE", "lines of the log that are not in this machine's journal"}},
       "a page about a client, to keep or to show",
       "Of what the log says. --journal reads what `journalctl -o json` printed, or dnspind's\n"
       "stderr; `-` is stdin, and its newest line ends the page.\n",
       "  dnspin report work > work.html\n  dnspin report work --since 1h > work.html\n",
       RunReport},
      {"import",
       {{"FORMAT", Names::kWord, ImportFormats()}, {"PATH", Names::kPath}},
       ImportOptions(),
       "rules of other programs as a client file",
       ImportHelp(),
       "  dnspin import tinyproxy /rw/tinyproxy/filters --client work\n"
       "  dnspin import hosts ads.txt --profile > /etc/dnspin/profiles.d/ads\n"
       "  qvm-firewall work list --raw | dnspin import qvm-firewall - --address 10.137.0.25\n",
       RunImport},
      {"completion",
       {{"SHELL", Names::kWord, {"bash", "zsh", "fish"}}},
       {},
       "what a shell needs to complete these commands",
       "",
       "  dnspin completion bash > /usr/share/bash-completion/completions/dnspin\n"
       "  dnspin completion zsh > /usr/share/zsh/vendor-completions/_dnspin\n"
       "  dnspin completion fish > /usr/share/fish/vendor_completions.d/dnspin.fish\n",
       RunCompletion},
  };
}

}  // namespace

std::span<const Command> Commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> all = OfNow();
    for (std::vector<Command>& some : std::vector{OfRules(), OfPaper()}) {
      std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
  }();
  return kCommands;
}

const Command* FindCommand(std::string_view name) {
  const auto found = std::ranges::find(Commands(), name, &Command::name);
  return found == Commands().end() ? nullptr : &*found;
}

}  // namespace dnspin
