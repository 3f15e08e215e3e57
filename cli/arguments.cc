#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/table.h"
#include "config/suggestion.h"

namespace dnspin {
namespace {

std::string Unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string>& known) {
  const std::string nearest = NearestWord(word, known);
  return fmt::format("unknown {} '{}'{}", what, Harmless(word),
                     nearest.empty() ? std::string() : "; did you mean '" + nearest + "'?");
}

class CommandLineReader {
 public:
  explicit CommandLineReader(std::span<const char* const> words) : words_(words) {}

  CommandLine Read() {
    FindTheCommand();
    for (at_ = 0; at_ < words_.size() && line_.error.empty(); ++at_) {
      const std::string_view word = words_[at_];
      if (!ended_ && word == "--") {
        ended_ = true;
      } else if (!ended_ && word.size() > 1 && word.starts_with('-')) {
        ReadOption(word);
      } else if (!named_) {
        named_ = true;  // the command itself
        if (line_.command == nullptr) {
          line_.error = Unknown("command", word, CommandNames());
        }
      } else {
        line_.call.arguments.emplace_back(word);
      }
    }
    JudgeCount();
    return std::move(line_);
  }

 private:
  // The command first: which options take a value is its word.
  void FindTheCommand() {
    for (size_t i = 0; i < words_.size(); ++i) {
      const std::string_view word = words_[i];
      if (word == "--run-dir") {
        ++i;
      } else if (!word.starts_with('-')) {
        line_.command = FindCommand(word);
        return;
      }
    }
  }

  void ReadOption(std::string_view word) {
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto is_it = [&](const Option& option) { return option.name == name; };
    std::vector<Option> known(GlobalOptions().begin(), GlobalOptions().end());
    if (line_.command != nullptr) {
      known.insert(known.end(), line_.command->options.begin(), line_.command->options.end());
    }
    const auto found = std::ranges::find_if(known, is_it);
    if (name == "-h" && equals == std::string_view::npos) {
      line_.help = true;
    } else if (found == known.end()) {
      std::vector<std::string> names;
      std::ranges::transform(known, std::back_inserter(names),
                             [](const Option& option) { return std::string(option.name); });
      line_.error = Unknown("option", name, names);
    } else if (found->value.empty() && equals != std::string_view::npos) {
      line_.error = fmt::format("{} takes no value", name);
    } else {
      Take(*found, equals == std::string_view::npos ? ValueBehind(*found)
                                                    : std::string(word.substr(equals + 1)));
    }
  }

  std::string ValueBehind(const Option& option) {
    if (option.value.empty()) {
      return {};
    }
    if (at_ + 1 == words_.size()) {
      line_.error = fmt::format("{} needs {}", option.name, option.value);
      return {};
    }
    return words_[++at_];
  }

  void Take(const Option& option, std::string value) {
    if (option.name == "--help") {
      line_.help = true;
    } else if (option.name == "--version") {
      line_.version = true;
    } else if (option.name == "--json") {
      line_.call.json = true;
    } else if (option.name == "--run-dir") {
      line_.call.run_dir = std::move(value);
    } else {
      line_.call.options.insert_or_assign(std::string(option.name), std::move(value));
    }
  }

  void JudgeCount() {
    if (!line_.error.empty() || line_.help || line_.version || line_.command == nullptr) {
      return;
    }
    const size_t count = line_.call.arguments.size();
    if (count < line_.command->ArgumentsMin()) {
      line_.error = fmt::format("{} is missing", line_.command->arguments[count].text);
    } else if (count > line_.command->arguments.size()) {
      line_.error = fmt::format("'{}' is one word too many",
                                Harmless(line_.call.arguments[line_.command->arguments.size()]));
    }
  }

  static std::vector<std::string> CommandNames() {
    std::vector<std::string> names;
    for (const Command& command : Commands()) {
      names.emplace_back(command.name);
    }
    return names;
  }

  std::span<const char* const> words_;
  size_t at_ = 0;
  bool ended_ = false;  // no options any more
  bool named_ = false;  // the word of the command has been seen
  CommandLine line_;
};

}  // namespace

CommandLine ReadCommandLine(std::span<const char* const> words) {
  return CommandLineReader(words).Read();
}

}  // namespace dnspin
