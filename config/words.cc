#include "config/words.h"

#include <algorithm>

namespace dnspin {
namespace {

constexpr std::string_view kBlanks = " \t";

bool IsBlank(char c) { return kBlanks.find(c) != std::string_view::npos; }

// Where the comment that begins at `from` ends.
size_t CommentEnd(std::string_view line, size_t from) {
  const size_t value = from + kCommentKey.size();
  if (value < line.size() && (line[value] == '\'' || line[value] == '"')) {
    const size_t closing = line.find(line[value], value + 1);
    return closing == std::string_view::npos ? line.size() : closing + 1;
  }
  size_t end = value;
  while (end < line.size() && !(line[end] == '#' && IsBlank(line[end - 1]))) {
    ++end;
  }
  while (end > value && IsBlank(line[end - 1])) {
    --end;
  }
  return end;
}

}  // namespace

std::vector<std::string_view> SplitWords(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while ((at = line.find_first_not_of(kBlanks, at)) != std::string_view::npos && line[at] != '#') {
    const size_t end = line.substr(at).starts_with(kCommentKey)
                           ? CommentEnd(line, at)
                           : std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace dnspin
