#pragma once
// Knows: what the tool says about itself. Touches nothing.

#include <span>
#include <string>

#include "cli/command.h"

namespace dnspin {

std::span<const Option> GlobalOptions();

std::string HelpText();  // of the tool
std::string HelpText(const Command& command);
std::string UsageLine(const Command* command);  // null: of the tool

}  // namespace dnspin
