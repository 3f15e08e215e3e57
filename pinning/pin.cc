#include "pinning/pin.h"

#include <algorithm>
#include <functional>

namespace dnspin {
namespace {

constexpr std::string_view kBetween = " < ";

// A comment is printed by nft between quotes that it cannot escape.
bool IsQuotable(char c) { return c >= ' ' && c <= '~' && c != '"'; }

}  // namespace

SharedText PinComment(std::string_view rule_host, const Name& asked) {
  const std::string name = asked.Text();
  std::string comment;
  comment.reserve(rule_host.size() + kBetween.size() + name.size());
  comment += rule_host;
  std::replace_if(comment.begin(), comment.end(), std::not_fn(IsQuotable), '?');
  if (name != rule_host) {
    comment += kBetween;
    comment += name;
  }
  return std::string_view(comment).substr(0, kCommentOctetsMax);
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
