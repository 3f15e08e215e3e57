#include "config/configuration.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "config/client_file.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

constexpr size_t kAllRulesMax = 1'000'000;  // of all clients, profiles expanded

class Loader {
 public:
  explicit Loader(const ConfigurationFiles& files) : files_(files) {}

  LoadResult Load() {
    LoadSettings();
    for (const auto& [name, path] : FilesOf("profiles.d")) {
      if (const auto text = Read(path, kRuleFileOctetsMax)) {
        configuration_.profiles.Add(
            name, path,
            ReadClientFile(FileKind::kProfile, path, "profiles.d/" + name, *text, said_));
      }
    }
    configuration_.profiles.JudgeAliases(said_);
    if (configuration_.settings.from_files) {
      for (const auto& [name, path] : FilesOf("clients.d")) {
        if (const auto text = Read(path, kRuleFileOctetsMax)) {
          AddClient(name, path,
                    ReadClientFile(FileKind::kClient, path, "clients.d/" + name, *text, said_));
        }
      }
    }
    SortByPlace(said_);
    LoadResult result;
    if (!HasErrors(said_)) {
      result.configuration = std::move(configuration_);
    }
    result.diagnostics = std::move(said_);
    return result;
  }

 private:
  void LoadSettings();
  std::map<std::string, std::string> FilesOf(const char* folder);
  void AddClient(const std::string& name, const std::string& path, ClientFile file);

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

void Loader::AddClient(const std::string& name, const std::string& path, ClientFile file) {
  ClientConfig client{name, {}, {}};
  for (const auto& address : file.addresses) {
    const auto [owner, fresh] = owners_.try_emplace(address.value, name);
    if (!fresh) {
      Say(path, address.line, address.column,
          fmt::format("client {} has this address too:", owner->second), address.value.Text());
    }
    client.addresses.push_back(address.value);
  }
  client.rules = configuration_.profiles.Expand(path, std::move(file), said_);
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

LoadResult Load(const ConfigurationFiles& files) { return Loader(files).Load(); }

}  // namespace dnspin
