#pragma once
// Knows: what a command of the tool is: how it is called, what it is for, what it does. Touches
// nothing.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/control_client.h"

namespace dnspin {

// What an argument names, for completion.
enum class Names : uint8_t { kOther, kClient, kPath, kWord };

struct Argument {
  std::string_view
      text;  // as the usage line has it: "CLIENT"; in brackets where it may be left out
  Names names = Names::kOther;
  std::vector<std::string> words{};  // of kWord: all that there are
};

struct Option {
  std::string_view name;   // "--ports"
  std::string_view value;  // "LIST"; empty: it takes none
  std::string_view what;
};

// A command as somebody called it.
struct Call {
  std::string run_dir = "/run/dnspin";
  bool json = false;
  bool colours = false;  // standard output is a terminal that has some
  std::vector<std::string> arguments;
  std::map<std::string, std::string, std::less<>> options;  // by name, with its value

  const std::string* Option(std::string_view name) const;  // null: not given
  // The argument at `position`, empty where it was left out.
  std::string Argument(size_t position) const;
  absl::StatusOr<Json> Ask(const Json& request) const { return AskDaemon(run_dir, request); }
  // `{"command": name}`, with "client" where the first argument is given.
  Json RequestOf(std::string_view command) const;
};

struct Command {
  std::string_view name;
  std::vector<Argument> arguments;
  std::vector<Option> options;
  std::string_view summary;  // one line
  std::string_view more;     // what else --help says; ends its lines
  std::string_view examples;

  // What goes to standard output. An error is a refusal by dnspind or of a file
  // (FailedPrecondition), a wrong call (InvalidArgument), or that dnspind could not be asked (all
  // others).
  absl::StatusOr<std::string> (*run)(const Call& call);

  size_t ArgumentsMin() const;
};

}  // namespace dnspin
