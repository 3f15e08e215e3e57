#include "tests/house_rules.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

namespace dnspin {
namespace {

using Words = std::set<std::string, std::less<>>;

constexpr size_t kColumnsMax = 100;
constexpr size_t kLinesMax = 400;

// Whose headers a folder may include, besides its own. Folders that are not here are free: cli,
// tests, fuzz and bench may include what they need.
const std::map<std::string, Words, std::less<>> kMayInclude = {
    {"pinning", {}},
    {"io", {"pinning/clock.h"}},
    {"config", {"pinning/", "io/descriptor.h"}},
    {"resolver", {"pinning/", "io/"}},
    {"nft", {"pinning/", "io/"}},
};

// The mains wire what they find in files to what runs.
const Words kMayIncludeConfig = {"resolver/main.cc", "nft/main.cc"};

const Words kFolders = {"pinning", "io",    "config", "resolver", "nft",
                        "cli",     "tests", "fuzz",   "bench",    "lab"};

// One door for each library: the files, or the folder, that may include it.
struct Door {
  std::string_view header;  // how the included path begins
  Words files;
};
const std::array kDoors = {
    Door{"ldns/", {"resolver/wire.cc"}},
    Door{"re2/", {"pinning/name_rules.cc"}},
    Door{"libpsl.h", {"config/public_suffix.cc"}},
    Door{"idn2.h", {"config/idna.cc"}},
    Door{"toml++/", {"config/settings.cc"}},
    Door{"nftables/", {"nft/nftables.cc"}},
    Door{"libnftnl/",
         {"nft/nftnl.h", "nft/transaction.cc", "nft/set_writer.cc", "nft/hold_rules.cc",
          "nft/table_dump.cc", "nft/table_view.cc"}},
    Door{"libnetfilter_log/", {"nft/firewall_log.cc"}},
    Door{"libnetfilter_queue/", {"nft/held_queue.cc"}},
    Door{"libmnl/", {"nft/"}},
    Door{"libnetfilter_conntrack/", {"nft/conntrack.cc"}},
    Door{"nlohmann/",
         {"config/policy_document.cc", "nft/control_client.h", "nft/control_reply.cc",
          "nft/control_request.cc", "cli/"}},
    Door{"openssl/", {}},
    Door{"systemd/", {}},
    Door{"seccomp.h", {"io/system_call_filter.cc"}},
    Door{"sys/inotify.h", {"nft/file_watch.cc"}},
    Door{"curses.h", {"cli/screen.cc"}},
    Door{"ncurses", {}},
};

// Names that say nothing about what is in the drawer.
const Words kDrawers = {"manager", "util", "helper", "common", "misc",
                        "base",    "data", "info",   "handler"};

bool IsDrawer(std::string word) {
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (kDrawers.contains(word)) return true;
  return word.ends_with('s') && kDrawers.contains(word.substr(0, word.size() - 1));
}

// Listed by itself, or by the folder it is in.
bool Lists(const Words& files, std::string_view path) {
  return std::ranges::any_of(files, [&](const std::string& entry) {
    return entry.ends_with('/') ? path.starts_with(entry) : path == entry;
  });
}

std::string_view FolderOf(std::string_view path) { return path.substr(0, path.find('/')); }

size_t Columns(std::string_view line) {
  return static_cast<size_t>(
      std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; }));
}

class Inspector {
 public:
  explicit Inspector(const std::filesystem::path& root) : root_(root) {}

  void Read(const std::filesystem::path& file) {
    path_ = file.lexically_relative(root_).generic_string();
    line_number_ = 0;
    ++report_.files_read;
    CheckFileName(file.stem().string());
    const std::string extension = file.extension().string();
    const bool code = extension == ".h" || extension == ".cc";
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      ++line_number_;
      CheckLine(line);
      if (!code) continue;
      if (extension == ".h") CheckHead(line);
      CheckInclude(line);
      CheckTypeName(line);
    }
    if (line_number_ > kLinesMax) Find(fmt::format("{} lines", line_number_));
  }

  HouseReport Take() {
    std::ranges::sort(report_.findings);
    return std::move(report_);
  }

 private:
  void Find(const std::string& what) {
    report_.findings.push_back(fmt::format("{}:{}: {}", path_, line_number_, what));
  }

  void CheckFileName(const std::string& stem) {
    size_t begin = 0;
    while (begin <= stem.size()) {
      const size_t end = std::min(stem.find('_', begin), stem.size());
      if (IsDrawer(stem.substr(begin, end - begin))) Find("a file named like a drawer");
      begin = end + 1;
    }
  }

  void CheckLine(const std::string& line) {
    if (Columns(line) > kColumnsMax) Find(fmt::format("{} columns", Columns(line)));
    if (line.find('\t') != std::string::npos) Find("a tab");
    static const RE2 kLeftToDo(
        "\\b(TO"
        "DO|FIX"
        "ME|XX"
        "X)\\b");  // in pieces, or it finds itself
    if (RE2::PartialMatch(line, kLeftToDo)) Find("work left to do");
  }

  void CheckHead(const std::string& line) {
    if (line_number_ == 1 && line != "#pragma once") Find("a header begins with #pragma once");
    if (line_number_ == 2 && !line.starts_with("// Knows:")) Find("then says what it knows");
  }

  void CheckTypeName(const std::string& line) {
    static const RE2 kType("\\b(?:class|struct|enum|union)\\s+([A-Z]\\w*)");
    static const RE2 kWord("([A-Z][a-z0-9]*)");
    re2::StringPiece rest(line);
    std::string type;
    while (RE2::FindAndConsume(&rest, kType, &type)) {
      re2::StringPiece words(type);
      std::string word;
      while (RE2::FindAndConsume(&words, kWord, &word)) {
        if (IsDrawer(word)) Find(fmt::format("type {} is named like a drawer", type));
      }
    }
  }

  void CheckInclude(const std::string& line) {
    static const RE2 kInclude("^\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"]");
    std::string bracket;
    std::string header;
    if (!RE2::PartialMatch(line, kInclude, &bracket, &header)) return;
    const bool bound = kMayInclude.contains(FolderOf(path_)) || FolderOf(path_) == "cli";
    for (const Door& door : kDoors) {
      if (bound && header.starts_with(door.header) && !Lists(door.files, path_)) {
        Find(fmt::format("{} has another door", header));
      }
    }
    if (bracket == "\"" && header.find('/') == std::string::npos) {
      Find(fmt::format("{} lacks its folder", header));
    }
    if (kFolders.contains(FolderOf(header))) CheckNeighbour(header);
  }

  void CheckNeighbour(const std::string& header) {
    const std::string_view folder = FolderOf(path_);
    const auto rule = kMayInclude.find(folder);
    if (rule == kMayInclude.end() || FolderOf(header) == folder) return;
    if (Lists(rule->second, header)) return;
    if (FolderOf(header) == "config" && kMayIncludeConfig.contains(path_)) return;
    Find(fmt::format("{}/ may not include {}", folder, header));
  }

  const std::filesystem::path& root_;
  std::string path_;  // of the file being read, below root_
  size_t line_number_ = 0;
  HouseReport report_;
};

}  // namespace

HouseReport InspectHouse(const std::filesystem::path& root) {
  static const Words kExtensions = {".h", ".cc", ".py"};
  Inspector inspector(root);
  for (const std::string& folder : kFolders) {
    if (!std::filesystem::is_directory(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && kExtensions.contains(entry.path().extension().string())) {
        inspector.Read(entry.path());
      }
    }
  }
  return inspector.Take();
}

}  // namespace dnspin
