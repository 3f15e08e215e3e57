#include "pinning/pin.h"

namespace dnspin {
namespace {

constexpr std::string_view kBetween = " < ";

// A comment is printed by nft between quotes that it cannot escape.
std::string Quotable(std::string_view text) {
  std::string quotable(text);
  for (char& c : quotable) {
    if (c < ' ' || c > '~' || c == '"') {
      c = '?';
    }
  }
  return quotable;
}

}  // namespace

std::string PinComment(std::string_view rule_host, const Name& asked) {
  std::string comment = Quotable(rule_host);
  const std::string name = asked.Text();
  if (name != rule_host) {
    comment += kBetween;
    comment += name;
  }
  return comment.substr(0, kCommentOctetsMax);
}

CommentParts ReadPinComment(std::string_view comment) {
  const size_t between = comment.rfind(kBetween);  // no name holds a space, a regex may
  if (between == std::string_view::npos) {
    return {std::string(comment), std::string(comment)};
  }
  return {std::string(comment.substr(0, between)),
          std::string(comment.substr(between + kBetween.size()))};
}

}  // namespace dnspin
