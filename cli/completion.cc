#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/help.h"

namespace dnspin {
namespace {

// Whom dnspind serves, as a shell asks for it.
constexpr std::string_view kClients = "dnspin clients 2>/dev/null | sed '1d;s/ .*//'";

std::string CommandWords() {
  std::string text;
  for (const Command& command : Commands()) {
    text += fmt::format("{}{}", text.empty() ? "" : " ", command.name);
  }
  return text;
}

std::string OptionWords(const Command* command) {
  std::string text;
  for (const Option& option : GlobalOptions()) {
    text += fmt::format("{} ", option.name);
  }
  for (const Option& option : command == nullptr ? std::vector<Option>() : command->options) {
    text += fmt::format("{} ", option.name);
  }
  text.pop_back();
  return text;
}

// The text within single quotes.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

std::string BashWords(const Argument& argument) {
  switch (argument.names) {
    case Names::kClient:
      return fmt::format("COMPREPLY=($(compgen -W \"$({})\" -- \"$word\"))", kClients);
    case Names::kPath:
      return "COMPREPLY=()";  // the shell's own: a file
    case Names::kWord:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))",
                         fmt::join(argument.words, " "));
    case Names::kOther:
      break;
  }
  return ":";
}

std::string Bash() {
  std::string cases;
  for (const Command& command : Commands()) {
    cases += fmt::format("    {}-options) options='{}' ;;\n", command.name, OptionWords(&command));
    for (size_t i = 0; i < command.arguments.size(); ++i) {
      cases += fmt::format("    {}-{}) {} ;;\n", command.name, i, BashWords(command.arguments[i]));
    }
  }
  return fmt::format(R"(# bash completion for dnspin
_dnspin() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} command='' count=0 i options='{0}'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${{COMP_WORDS[i]}} in
      --run-dir) ((++i)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${{COMP_WORDS[i]}}; else ((++count)); fi ;;
    esac
  done
  if [ -z "$command" ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W '{1}' -- "$word"))
    return
  fi
  if [[ $word == -* ]]; then count=options; fi
  case $command-$count in
{2}  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$word")); fi
}}
complete -o default -F _dnspin dnspin
)",
                     OptionWords(nullptr), CommandWords(), cases);
}

std::string ZshAction(const Argument& argument) {
  switch (argument.names) {
    case Names::kClient:
      return fmt::format("compadd -- ${{(f)\"$({})\"}}", kClients);
    case Names::kPath:
      return "_files";
    case Names::kWord:
      return fmt::format("compadd -- {}", fmt::join(argument.words, " "));
    case Names::kOther:
      break;
  }
  return "_message 'no completion'";
}

std::string Zsh() {
  std::string described;
  std::string cases;
  for (const Command& command : Commands()) {
    described +=
        fmt::format("    {}\n", Quoted(fmt::format("{}:{}", command.name, command.summary)));
    cases += fmt::format("    {}-options) compadd -- {} ;;\n", command.name, OptionWords(&command));
    for (size_t i = 0; i < command.arguments.size(); ++i) {
      cases += fmt::format("    {}-{}) {} ;;\n", command.name, i, ZshAction(command.arguments[i]));
    }
  }
  return fmt::format(R"(#compdef dnspin
# zsh completion for dnspin
_dnspin() {{
  local command='' count=0 i
  local -a described
  described=(
{0}  )
  for ((i = 2; i < CURRENT; ++i)); do
    case $words[i] in
      --run-dir) ((++i)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=$words[i]; else ((++count)); fi ;;
    esac
  done
  if [[ $words[CURRENT] == -* ]]; then count=options; fi
  case $command-$count in
    -options) compadd -- {1} ;;
    -*) _describe command described ;;
{2}  esac
}}
if [ "$funcstack[1]" = _dnspin ]; then _dnspin "$@"; else compdef _dnspin dnspin; fi
)",
                     described, OptionWords(nullptr), cases);
}

std::string FishWords(const Argument& argument) {
  switch (argument.names) {
    case Names::kClient:
      return fmt::format(" -f -a \"({})\"", kClients);
    case Names::kPath:
      return " -F";
    case Names::kWord:
      return fmt::format(" -f -a '{}'", fmt::join(argument.words, " "));
    case Names::kOther:
      break;
  }
  return " -f";
}

std::string FishOptions(std::span<const Option> options, const std::string& condition) {
  std::string text;
  for (const Option& option : options) {
    text += fmt::format("complete -c dnspin{} -l {}{} -d {}\n", condition, option.name.substr(2),
                        option.value.empty() ? "" : " -r", Quoted(option.what));
  }
  return text;
}

std::string Fish() {
  std::string text =
      "# fish completion for dnspin\ncomplete -c dnspin -f\n" + FishOptions(GlobalOptions(), "");
  for (const Command& command : Commands()) {
    text += fmt::format("complete -c dnspin -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        Quoted(command.summary));
    const std::string condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    for (const Argument& argument : command.arguments) {
      text += fmt::format("complete -c dnspin{}{}\n", condition, FishWords(argument));
    }
    text += FishOptions(command.options, condition);
  }
  return text;
}

}  // namespace

std::optional<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") {
    return Bash();
  }
  if (shell == "zsh") {
    return Zsh();
  }
  return shell == "fish" ? std::optional(Fish()) : std::nullopt;
}

Shown RunCompletion(const Call& call) {
  auto script = CompletionScript(call.Argument(0));
  if (!script) {
    return absl::InvalidArgumentError("completion knows bash, zsh and fish");
  }
  return *std::move(script);
}

}  // namespace dnspin
