#pragma once
// Knows: how the words of a command line become a call. Touches nothing.

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"

namespace dnspin {

struct CommandLine {
  const Command* command = nullptr;  // null: none was named
  Call call;
  bool help = false;
  bool version = false;
  std::string error;  // not empty: a wrong call, and why
};

// The words behind the program's name. Options may stand anywhere; behind `--` there are none.
CommandLine ReadCommandLine(std::span<const char* const> words);

}  // namespace dnspin
