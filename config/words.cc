#include "config/words.h"

namespace dnspin {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// The first octet from `at` on that is a blank, or that is none; the end if there is no such.
size_t Find(std::string_view line, size_t at, bool blank) {
  while (at < line.size() && IsBlank(line[at]) != blank) {
    ++at;
  }
  return at;
}

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
  words.reserve(4);
  size_t at = 0;
  while ((at = Find(line, at, false)) < line.size() && line[at] != '#') {
    const size_t end =
        line.substr(at).starts_with(kCommentKey) ? CommentEnd(line, at) : Find(line, at, true);
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace dnspin
