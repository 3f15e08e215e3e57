#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cli/import.h"
#include "config/text_file.h"
#include "config/words.h"

namespace dnspin {
namespace {

// The columns of the table behind its number; a comment may follow, with blanks.
constexpr std::array<std::string_view, 7> kColumns{"action",        "dsthost",  "proto", "dstports",
                                                   "specialtarget", "icmptype", "expire"};

std::vector<std::string_view> BlankSeparated(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return words;
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

bool IsHead(const std::vector<std::string_view>& words) {
  return words.size() > 1 && words[0] == "NO" && words[1] == "ACTION";
}

bool IsRow(const std::vector<std::string_view>& words) {
  return words.size() > kColumns.size() && IsNumber(words[0]) &&
         (words[1] == "accept" || words[1] == "drop");
}

struct Written {
  std::string rule;
  bool accepts = false;
  bool ends = false;  // so many seconds after it was listed, which is not known
};

Written OfRow(std::string_view line, const std::vector<std::string_view>& words) {
  Written written;
  for (size_t i = 0; i < kColumns.size(); ++i) {
    const std::string_view word = words[i + 1];
    if (word == "-" || (kColumns[i] == "dsthost" && word == "*")) {
      continue;
    }
    if (kColumns[i] == "expire") {
      written.ends = true;
      continue;
    }
    written.rule += fmt::format("{}{}={}", written.rule.empty() ? "" : " ", kColumns[i], word);
  }
  if (words.size() > kColumns.size() + 1 && words[kColumns.size() + 1] != "-") {
    const std::string_view first = words[kColumns.size() + 1];
    written.rule +=
        fmt::format(" comment={}", line.substr(static_cast<size_t>(first.data() - line.data())));
  }
  written.accepts = words[1] == "accept";
  return written;
}

Written OfRaw(std::string_view line) {
  Written written{std::string(line), false, false};
  const auto words = SplitWords(line);
  const auto has = [&](std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  };
  written.accepts = !words.empty() && (words[0] == "accept" || has("action=accept")) &&
                    words[0] != "drop" && !has("action=drop");
  written.ends = std::ranges::any_of(
      words, [](std::string_view word) { return word.starts_with("expire=+"); });
  return written;
}

// A rule that is lost takes nothing away, but a lost drop would let through what stands behind it.
void Add(size_t number, const Written& written, Imported& imported) {
  if (written.accepts && written.ends) {
    imported.NotCarriedOver(number, "it ends so long after it was listed, and when was that?");
  } else if (!imported.AddRule(number, written.rule) && !written.accepts) {
    imported.Note(number, "so all is dropped there: nothing behind acts");
    imported.AddRule(number, "drop");
  }
}

}  // namespace

Imported ImportQvmFirewall(const std::string& source, std::string_view text,
                           const ImportTerms& terms) {
  Imported imported(source, terms);
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const auto words = BlankSeparated(line);
    if (!words.empty() && !IsHead(words)) {
      Add(number, IsRow(words) ? OfRow(line, words) : OfRaw(line), imported);
    }
  }
  return imported;
}

}  // namespace dnspin
