#include "cli/command.h"

#include <algorithm>

namespace dnspin {

const std::string* Call::Option(std::string_view name) const {
  const auto found = options.find(name);
  return found == options.end() ? nullptr : &found->second;
}

std::string Call::Argument(size_t position) const {
  return position < arguments.size() ? arguments[position] : std::string();
}

Json Call::RequestOf(std::string_view command) const {
  Json request = {{"command", command}};
  if (!arguments.empty()) {
    request["client"] = arguments[0];
  }
  return request;
}

size_t Command::ArgumentsMin() const {
  return static_cast<size_t>(std::ranges::count_if(
      arguments, [](const auto& argument) { return !argument.text.starts_with('['); }));
}

}  // namespace dnspin
