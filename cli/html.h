#pragma once
// Knows: how text comes into a page: escaped, whoever wrote it. Touches nothing.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dnspin {

// Untrusted text between tags or in a quoted attribute: `&<>"'` as references, and as dnspind's own
// `\DDD` every octet outside printable ASCII, so that none turns the text around or hides in it.
std::string EscapedForHtml(std::string_view untrusted);

// Markup. Markup() alone makes it, of a literal, and so nothing that was read can be any.
class Html {
 public:
  Html() = default;
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  Html& operator+=(const Html& more) {
    text_ += more.text_;
    return *this;
  }

  // What comes into the literal's places: numbers and markup as they are, text escaped.
  static std::string Part(const Html& part) { return part.text(); }
  static std::string Part(std::string_view part) { return EscapedForHtml(part); }
  template <typename Number>
  requires std::is_arithmetic_v<Number>
  static Number Part(Number part) { return part; }

 private:
  explicit Html(std::string text) : text_(std::move(text)) {}
  std::string text_;

  template <typename... Parts>
  friend Html Markup(
      fmt::format_string<decltype(Html::Part(std::declval<const Parts&>()))...> literal,
      const Parts&... parts);
};

template <typename... Parts>
Html Markup(fmt::format_string<decltype(Html::Part(std::declval<const Parts&>()))...> literal,
            const Parts&... parts) {
  return Html(fmt::format(literal, Html::Part(parts)...));
}

// 1234567 as people read it: 1,234,567.
std::string Grouped(uint64_t number);

}  // namespace dnspin
