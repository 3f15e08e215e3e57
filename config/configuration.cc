#include "config/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "config/address_lists.h"
#include "config/client_file.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

constexpr size_t kAllRulesMax = 1'000'000;  // of all clients, profiles expanded

class Loader {
 public:
  Loader(const ConfigurationFiles& files, const KnownClients& known, int64_t wall_seconds)
      : files_(files), known_(known), wall_seconds_(wall_seconds) {}

  LoadResult Load() {
    LoadSettings();
    for (const auto& [name, path] : FilesOf("profiles.d")) {
      read_.profiles[path] = StampOf(path, wall_seconds_);
      if (const auto text = Read(path, kRuleFileOctetsMax)) {
        configuration_.profiles.Add(
            name, path,
            ReadClientFile(FileKind::kProfile, path, "profiles.d/" + name, *text, said_));
      }
    }
    configuration_.profiles.JudgeAliases(said_);
    if (configuration_.settings.from_files) {
      for (const auto& [name, path] : FilesOf("clients.d")) {
        if (const auto* file = ClientOf(name, path)) {
          AddClient(name, path, *file);
        }
      }
    }
    SortByPlace(said_);
    LoadResult result;
    result.known = std::move(read_);
    if (!HasErrors(said_)) {
      result.configuration = std::move(configuration_);
    }
    result.diagnostics = std::move(said_);
    return result;
  }

 private:
  void LoadSettings();
  std::map<std::string, std::string> FilesOf(const char* folder);
  bool HasKnownProfiles() const;
  const KnownClients::File* ClientOf(const std::string& name, const std::string& path);
  void AddClient(const std::string& name, const std::string& path, const KnownClients::File& file);

  std::optional<std::string> Read(const std::string& path, size_t octets_max) {
    auto text = ReadTextFile(path, octets_max);
    if (!text.ok()) {
      Complain(path, text.status());
      return std::nullopt;
    }
    return *std::move(text);
  }

  void Complain(const std::string& path, const absl::Status& status) {
    Say(path, 1, 1, std::string(status.message()));
  }
  void Say(const std::string& path, size_t line, size_t column, std::string message,
           std::string word = {}) {
    said_.push_back(
        {path, line, column, Severity::kError, std::move(message), std::move(word), {}});
  }

  const ConfigurationFiles& files_;
  const KnownClients& known_;
  int64_t wall_seconds_;
  KnownClients read_;
  Configuration configuration_;
  absl::flat_hash_map<Address, std::string> owners_;  // client names
  size_t rule_count_ = 0;
  std::vector<Diagnostic> said_;
};

void Loader::LoadSettings() {
  for (const std::string& path : files_.settings) {
    const auto text = ReadTextFile(path, kSettingsOctetsMax);
    if (text.ok()) {
      ReadSettings(path, *text, configuration_.settings, said_);
    } else if (!absl::IsNotFound(text.status()) || !files_.may_be_missing) {
      Complain(path, text.status());
    }
  }
}

// The files of `folder` beside each settings file, path by name.
std::map<std::string, std::string> Loader::FilesOf(const char* folder) {
  std::map<std::string, std::string> paths;
  for (const std::string& settings : files_.settings) {
    const std::string beside = (std::filesystem::path(settings).parent_path() / folder).string();
    const auto names = FilesIn(beside);
    if (!names.ok()) {
      if (!absl::IsNotFound(names.status())) {
        Complain(beside, names.status());
      }
      continue;
    }
    for (const std::string& name : *names) {
      std::string path = beside + "/" + name;
      if (IsFileName(name)) {
        paths.insert_or_assign(name, std::move(path));
      } else {
        Say(path, 1, 1,
            "a file here is called by up to 64 letters, digits and ._-, first a letter or digit, "
            "not",
            name);
      }
    }
  }
  return paths;
}

bool Loader::HasKnownProfiles() const {
  return read_.profiles == known_.profiles &&
         std::all_of(read_.profiles.begin(), read_.profiles.end(),
                     [](const auto& profile) { return profile.second.has_value(); });
}

// What the file says, as known or read now; null if it cannot be read.
const KnownClients::File* Loader::ClientOf(const std::string& name, const std::string& path) {
  const auto stamp = StampOf(path, wall_seconds_);
  const auto known = known_.clients.find(path);
  if (stamp && known != known_.clients.end() && known->second.stamp == stamp &&
      (!known->second.uses_profiles || HasKnownProfiles())) {
    said_.insert(said_.end(), known->second.said.begin(), known->second.said.end());
    return &(read_.clients[path] = known->second);
  }
  const auto text = Read(path, kRuleFileOctetsMax);
  if (!text) {
    return nullptr;
  }
  KnownClients::File& file = read_.clients[path];
  file.stamp = stamp;
  ClientFile read = ReadClientFile(FileKind::kClient, path, "clients.d/" + name, *text, file.said);
  file.addresses = std::move(read.addresses);
  file.uses_profiles = std::any_of(read.rules.begin(), read.rules.end(), [](const auto& item) {
    return std::holds_alternative<ProfileUse>(item.value);
  });
  file.rules = configuration_.profiles.Expand(path, std::move(read), file.said);
  said_.insert(said_.end(), file.said.begin(), file.said.end());
  return &file;
}

void Loader::AddClient(const std::string& name, const std::string& path,
                       const KnownClients::File& file) {
  ClientConfig client{name, {}, file.rules};
  for (const auto& address : file.addresses) {
    const auto [owner, fresh] = owners_.try_emplace(address.value, name);
    if (!fresh) {
      Say(path, address.line, address.column,
          fmt::format("client {} has this address too:", owner->second), address.value.Text());
    }
    client.addresses.push_back(address.value);
  }
  rule_count_ += client.rules.size();
  if (rule_count_ > kAllRulesMax) {
    Say(path, 1, 1, fmt::format("more than {} rules of all clients together", kAllRulesMax));
    return;
  }
  configuration_.clients.push_back(std::move(client));
}

}  // namespace

ConfigurationFiles ConfigurationFiles::Default() {
  return {{"/etc/dnspin/dnspin.toml", "/rw/config/dnspin/dnspin.toml"}, true};
}

ConfigurationFiles ConfigurationFiles::One(std::string path) { return {{std::move(path)}, false}; }

LoadResult Load(const ConfigurationFiles& files) { return Load(files, {}, 0); }

LoadResult Load(const ConfigurationFiles& files, const KnownClients& known, int64_t wall_seconds) {
  return Loader(files, known, wall_seconds).Load();
}

std::vector<Diagnostic> Check(const ConfigurationFiles& files, int64_t wall_seconds) {
  LoadResult loaded = Load(files, {}, wall_seconds);
  std::vector<RuleList> rules;
  if (loaded.configuration) {
    for (const ClientConfig& client : loaded.configuration->clients) {
      rules.push_back(client.rules);
    }
  }
  AddressLists().Read(rules, wall_seconds, loaded.diagnostics);
  SortByPlace(loaded.diagnostics);
  return std::move(loaded.diagnostics);
}

}  // namespace dnspin
