// dnspin: asks dnspind over its control socket and shows the answer.

#include <cstdio>
#include <string>
#include <vector>

#include "cli/control_client.h"
#include "cli/report_command.h"
#include "cli/table.h"

namespace dnspin {
namespace {

constexpr const char* kUsage =
    "usage: dnspin [--run-dir DIR] [--json] COMMAND\n"
    "\n"
    "  status          how dnspind is: uptime, upstreams, counters\n"
    "  clients         whom it serves\n"
    "  pins [CLIENT]   which addresses are open now, for which name and rule, and how long\n"
    "  metrics         the counters as Prometheus text\n"
    "  reload          read the rules anew and put them in force\n"
    "  report CLIENT   one page of what the log says of a client (report --help)\n"
    "\n"
    "  --run-dir DIR   where the control socket is (/run/dnspin)\n"
    "  --json          for programs\n"
    "\n"
    "Root and members of group dnspin may ask. Exit: 0 done, 1 dnspind said no, 2 usage,\n"
    "3 dnspind could not be asked.\n"
    "\n"
    "  dnspin pins programming\n"
    "  dnspin --json clients | jq '.[].pins'\n";

struct Arguments {
  std::string run_dir = "/run/dnspin";
  bool json = false;
  std::vector<std::string> words;
};

std::string Text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string Listing(const Json& list, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> rows = {{}};
  for (std::string column : columns) {
    for (char& c : column) {
      c = c == '_' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    rows.front().push_back(column);
  }
  for (const Json& entry : list) {
    std::vector<std::string> row;
    for (const std::string& column : columns) {
      const Json cell = entry.value(column, Json());
      std::string text;
      if (cell.is_array()) {
        for (const Json& part : cell) {
          text += (text.empty() ? "" : " ") + Text(part);
        }
      } else {
        text = Text(cell);
      }
      row.push_back(text.empty() ? "-" : text);
    }
    rows.push_back(std::move(row));
  }
  return TableText(rows);
}

std::string StatusText(const Json& status) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : status.items()) {
    if (key == "counters") {
      for (const auto& [name, count] : value.items()) {
        rows.push_back({name, Text(count)});
      }
    } else if (key == "upstreams") {
      for (const Json& upstream : value) {
        const std::string interface = Text(upstream.value("interface", Json("")));
        rows.push_back({"upstream", Text(upstream.value("server", Json(""))) +
                                        (interface.empty() ? " (no route)" : " by " + interface)});
      }
    } else {
      rows.push_back({key, Text(value)});
    }
  }
  return TableText(rows);
}

std::string Shown(const std::string& command, const Json& reply, bool json) {
  if (json) {
    return (command == "metrics" ? reply.value("totals", Json::object()) : reply).dump(2) + "\n";
  }
  if (command == "status") {
    return StatusText(reply);
  }
  if (command == "clients") {
    return Listing(reply, {"client", "addresses", "interface", "rules", "pins", "questions",
                           "refused", "resolver_pid"});
  }
  if (command == "pins") {
    return Listing(reply,
                   {"client", "address", "name", "rule", "protocol", "ports", "expires_in_s"});
  }
  if (command == "metrics") {
    return Text(reply.value("text", Json("")));
  }
  return "reloaded\n";
}

// 0, or the exit status for a wrong call.
int ReadArguments(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      arguments.json = true;
    } else if (word == "--run-dir" && i + 1 < argc) {
      arguments.run_dir = argv[++i];
    } else if (word.starts_with("--run-dir=")) {
      arguments.run_dir = word.substr(word.find('=') + 1);
    } else if (word.starts_with("-")) {
      std::fprintf(stderr, "dnspin: unknown option %s\n%s", word.c_str(), kUsage);
      return 2;
    } else {
      arguments.words.push_back(word);
    }
  }
  static const std::vector<std::string> kCommands = {"status", "clients", "pins", "metrics",
                                                     "reload"};
  const bool known = !arguments.words.empty() && std::find(kCommands.begin(), kCommands.end(),
                                                           arguments.words[0]) != kCommands.end();
  const size_t words_max = known && arguments.words[0] == "pins" ? 2 : 1;
  if (!known || arguments.words.size() > words_max) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  return 0;
}

int Main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "report") {
    return RunReport({argv + 2, argv + argc});
  }
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (word == "--version") {
      std::printf("dnspin %s\n", DNSPIN_VERSION);
      return 0;
    }
  }
  Arguments arguments;
  if (const int wrong = ReadArguments(argc, argv, arguments); wrong != 0) {
    return wrong;
  }
  Json request = {{"command", arguments.words[0]}};
  if (arguments.words.size() > 1) {
    request["client"] = arguments.words[1];
  }
  const auto reply = AskDaemon(arguments.run_dir, request);
  if (!reply.ok()) {
    const std::string message(reply.status().message());
    std::fprintf(stderr, "dnspin: %s\n", message.c_str());
    return absl::IsFailedPrecondition(reply.status()) ? 1 : 3;
  }
  const std::string text = Shown(arguments.words[0], *reply, arguments.json);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 3;
}

}  // namespace
}  // namespace dnspin

int main(int argc, char** argv) { return dnspin::Main(argc, argv); }
