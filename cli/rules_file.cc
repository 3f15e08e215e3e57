#include "cli/rules_file.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "config/client_file.h"
#include "config/profiles.h"
#include "config/text_file.h"

namespace dnspin {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& path) {
  auto text = ReadTextFile(path, kRuleFileOctetsMax);
  if (!text.ok()) {
    return absl::FailedPreconditionError(path + ": " + std::string(text.status().message()));
  }
  return text;
}

// Paths by name; of one name that in the last folder counts.
std::map<std::string, std::string> ProfilesAround(const std::string& path) {
  const std::filesystem::path beside = std::filesystem::absolute(path).parent_path();
  std::map<std::string, std::string> paths;
  for (const std::filesystem::path& folder :
       {std::filesystem::path("/etc/dnspin/profiles.d"),
        std::filesystem::path("/rw/config/dnspin/profiles.d"), beside.parent_path() / "profiles.d",
        beside / "profiles.d"}) {
    const auto names = FilesIn(folder.string());
    for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
      if (IsFileName(name)) {
        paths.insert_or_assign(name, (folder / name).string());
      }
    }
  }
  return paths;
}

}  // namespace

absl::StatusOr<RulesFile> ReadRulesFile(const std::string& path) {
  const auto text = ReadText(path);
  if (!text.ok()) {
    return text.status();
  }
  RulesFile file;
  Profiles profiles;
  std::vector<Diagnostic> of_profiles;
  for (const auto& [name, profile] : ProfilesAround(path)) {
    const auto profile_text = ReadText(profile);
    if (!profile_text.ok()) {
      return profile_text.status();
    }
    profiles.Add(name, profile,
                 ReadClientFile(FileKind::kProfile, profile, profile, *profile_text, of_profiles));
  }
  ClientFile read = ReadClientFile(FileKind::kClient, path, path, *text, file.said);
  const bool uses_profiles = std::ranges::any_of(
      read.rules, [](const auto& item) { return std::holds_alternative<ProfileUse>(item.value); });
  if (uses_profiles) {
    file.said.insert(file.said.end(), of_profiles.begin(), of_profiles.end());
    profiles.JudgeAliases(file.said);
  }
  file.rules = profiles.Expand(path, std::move(read), file.said);
  SortByPlace(file.said);
  return file;
}

}  // namespace dnspin
