#include "cli/help.h"

#include <fmt/format.h>

#include <array>

#include "cli/commands.h"
#include "cli/table.h"

namespace dnspin {
namespace {

constexpr std::array kGlobalOptions = {
    Option{"--run-dir", "DIR", "where the control socket is (/run/dnspin)"},
    Option{"--json", "", "for programs"},
    Option{"--help", "", "this, or about a command: dnspin COMMAND --help"},
    Option{"--version", "", "which dnspin this is"},
};

constexpr std::string_view kExits =
    "Root and members of group dnspin may ask. Exit: 0 done, 1 dnspind said no, or a file is not\n"
    "as it should be, 2 usage, 3 dnspind could not be asked.\n";

std::string CallText(const Command& command) {
  std::string text(command.name);
  for (const Argument& argument : command.arguments) {
    text += fmt::format(" {}", argument.text);
  }
  return text;
}

std::string OptionText(const Option& option) {
  return option.value.empty() ? std::string(option.name)
                              : fmt::format("{} {}", option.name, option.value);
}

std::string OptionsText(std::span<const Option> options) {
  std::vector<Row> rows;
  for (const Option& option : options) {
    rows.push_back({"  " + OptionText(option), option.what});
  }
  return TableText(rows, /*colours=*/false);
}

}  // namespace

std::span<const Option> GlobalOptions() { return kGlobalOptions; }

std::string UsageLine(const Command* command) {
  if (command == nullptr) {
    return "usage: dnspin [--run-dir DIR] [--json] COMMAND (dnspin --help names them)\n";
  }
  std::string text = "usage: dnspin [--run-dir DIR] [--json] " + CallText(*command);
  for (const Option& option : command->options) {
    text += fmt::format(" [{}]", OptionText(option));
  }
  return text + "\n";
}

std::string HelpText() {
  std::vector<Row> rows;
  for (const Command& command : Commands()) {
    rows.push_back({"  " + CallText(command), command.summary});
  }
  return fmt::format(
      "usage: dnspin [--run-dir DIR] [--json] COMMAND\n\n{}\n{}\n{}\n"
      "  dnspin pins programming\n"
      "  dnspin --json clients | jq '.[].pins'\n"
      "  dnspin explain work github.com --ask\n",
      TableText(rows, false), OptionsText(kGlobalOptions), kExits);
}

std::string HelpText(const Command& command) {
  std::string text =
      fmt::format("{}\ndnspin {}: {}.\n", UsageLine(&command), command.name, command.summary);
  if (!command.more.empty()) {
    text += fmt::format("\n{}", command.more);
  }
  if (!command.options.empty()) {
    text += "\n" + OptionsText(command.options);
  }
  return text + fmt::format("\n{}", command.examples);
}

}  // namespace dnspin
