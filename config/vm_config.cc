#include "config/vm_config.h"

#include <algorithm>
#include <utility>

#include "config/client_file.h"
#include "config/host_text.h"
#include "config/words.h"
#include "pinning/name_rules.h"

namespace dnspin {
namespace {

constexpr std::string_view kFolder = "/vm-config/dnspin.";

ClientConfig ReadClient(const std::string& name, const std::string& value, const Profiles& profiles,
                        std::vector<Diagnostic>& diagnostics) {
  const std::string path = std::string(kFolder) + name;
  std::vector<Diagnostic> said;
  ClientFile file = ReadClientFile(FileKind::kClient, path, path, UnfoldLines(value), said);
  ClientConfig client{name, {}, {}};
  for (const auto& address : file.addresses) {
    client.addresses.push_back(address.value);
  }
  client.rules = profiles.Expand(path, std::move(file), said);
  const auto error = std::find_if(said.begin(), said.end(), [](const Diagnostic& one) {
    return one.severity == Severity::kError;
  });
  if (error != said.end()) {
    client.rules.clear();
    client.fault = error->Text();
  }
  std::move(said.begin(), said.end(), std::back_inserter(diagnostics));
  return client;
}

}  // namespace

std::string UnfoldLines(std::string_view value) {
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value.substr(i, 2) == "\\;") {
      text += value[++i];
    } else {
      text += value[i] == ';' ? '\n' : value[i];
    }
  }
  return text;
}

std::vector<ClientConfig> ReadVmConfigClients(const qubesdb::View& view, const Profiles& profiles,
                                              std::vector<Diagnostic>& diagnostics) {
  std::vector<ClientConfig> clients;
  for (const auto& [name, value] : view.files) {
    if (IsFileName(name)) {
      clients.push_back(ReadClient(name, value, profiles, diagnostics));
    } else {
      diagnostics.push_back({std::string(kFolder) + name, 1, 1, Severity::kError,
                             "not what a client can be called:", name, ""});
    }
  }
  return clients;
}

std::vector<HostPattern> ReadVmConfigRebindOk(const qubesdb::View& view,
                                              std::vector<Diagnostic>& diagnostics) {
  std::vector<HostPattern> patterns;
  const auto value = view.values.find(qubesdb::kRebindOk);
  if (value == view.values.end()) {
    return patterns;
  }
  const std::string path(qubesdb::kRebindOk);
  size_t regexes = 0;
  for (const std::string_view word : SplitWords(value->second)) {
    LineReport report(path, 1, value->second, diagnostics);
    auto pattern = ReadHostPattern(word, Author::kPeople, report);
    regexes += pattern && pattern->kind == HostPattern::Kind::kRegex ? 1 : 0;
    if (pattern && regexes <= PatternIndex::kRegexesMax) {
      patterns.push_back(*std::move(pattern));
    }
  }
  return patterns;
}

}  // namespace dnspin
