// dnspin: asks dnspind over its control socket and shows the answer.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "cli/arguments.h"
#include "cli/help.h"

namespace dnspin {
namespace {

bool TerminalHasColours() {
  const char* const terminal = std::getenv("TERM");
  const char* const without = std::getenv("NO_COLOR");  // no-color.org
  return isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string(terminal) != "dumb" &&
         (without == nullptr || *without == '\0');
}

int Print(const std::string& text) {
  const bool printed =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return printed ? 0 : 3;
}

int ExitOf(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) ? 1 : absl::IsInvalidArgument(status) ? 2 : 3;
}

int Main(std::span<const char* const> words) {
  CommandLine line = ReadCommandLine(words);
  if (!line.error.empty()) {
    std::fprintf(stderr, "dnspin: %s\n%s", line.error.c_str(), UsageLine(line.command).c_str());
    return 2;
  }
  if (line.help) {
    return Print(line.command == nullptr ? HelpText() : HelpText(*line.command));
  }
  if (line.version) {
    return Print("dnspin " DNSPIN_VERSION "\n");
  }
  if (line.command == nullptr) {
    std::fputs(HelpText().c_str(), stderr);
    return 2;
  }
  line.call.colours = TerminalHasColours();
  const auto shown = line.command->run(line.call);
  if (!shown.ok()) {
    const std::string message(shown.status().message());
    std::fprintf(stderr, "dnspin: %s\n", message.c_str());
    return ExitOf(shown.status());
  }
  return Print(*shown);
}

}  // namespace
}  // namespace dnspin

int main(int argc, char** argv) {
  return dnspin::Main({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
}
