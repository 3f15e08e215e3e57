#include "config/suggestion.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

namespace dnspin {
namespace {

constexpr size_t kWordOctetsMax = 64;  // longer ones are not typing mistakes

// Optimal string alignment: how many single changes, insertions, deletions and swaps of neighbours.
size_t Distance(std::string_view a, std::string_view b) {
  using Row = std::array<size_t, kWordOctetsMax + 1>;
  Row before_last{};
  Row last{};
  for (size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    Row row{};
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

template <typename Words>
std::string Nearest(std::string_view written, const Words& known) {
  if (written.empty() || written.size() > kWordOctetsMax) {
    return {};
  }
  std::string word(written);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));  // no locale is ever set
  });
  size_t allowed = word.size() <= 3 ? 1 : 2;
  std::string nearest;
  for (const std::string_view candidate : known) {
    const size_t longer = std::max(candidate.size(), word.size());
    if (candidate.size() > kWordOctetsMax ||
        longer - std::min(candidate.size(), word.size()) > allowed) {
      continue;
    }
    const size_t distance = Distance(word, candidate);
    if (distance <= allowed && (nearest.empty() || distance < allowed)) {
      nearest = candidate;
      allowed = distance;
    }
  }
  return nearest;
}

}  // namespace

std::string NearestWord(std::string_view word, std::span<const std::string_view> known) {
  return Nearest(word, known);
}

std::string NearestWord(std::string_view word, std::span<const std::string> known) {
  return Nearest(word, known);
}

}  // namespace dnspin
