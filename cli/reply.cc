#include "cli/reply.h"

#include <fmt/format.h>

#include <algorithm>

namespace dnspin {

const Json& In(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) {
    return kNull;
  }
  const auto found = object.find(std::string(key));
  return found == object.end() ? kNull : *found;
}

std::string Text(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_null()) {
    return {};
  }
  if (!value.is_array()) {
    return value.dump(-1, ' ', /*ensure_ascii=*/true);
  }
  std::string text;
  for (const Json& part : value) {
    text += (text.empty() ? "" : " ") + Text(part);
  }
  return text;
}

std::string TextIn(const Json& object, std::string_view key) { return Text(In(object, key)); }

int64_t NumberIn(const Json& object, std::string_view key) {
  constexpr double kMost = 1e15;  // that sums of them are numbers too
  const Json& value = In(object, key);
  const double number = value.is_number() ? value.get<double>() : 0;
  return static_cast<int64_t>(std::clamp(number, -kMost, kMost));
}

const Json& ListIn(const Json& object, std::string_view key) {
  static const Json kEmpty = Json::array();
  const Json& value = In(object, key);
  return value.is_array() ? value : kEmpty;
}

std::vector<std::string> TextsIn(const Json& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& part : ListIn(object, key)) {
    texts.push_back(Text(part));
  }
  return texts;
}

std::string JsonText(const Json& value) { return value.dump(2, ' ', /*ensure_ascii=*/true) + "\n"; }

std::string Listing(const Json& list, const std::vector<std::string_view>& keys, bool colours) {
  std::vector<std::string> heads;
  for (const std::string_view key : keys) {
    std::string& head = heads.emplace_back(key);
    for (char& c : head) {
      c = c == '_' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
  }
  std::vector<Row> rows;
  for (const Json& entry : list) {
    Row& row = rows.emplace_back();
    for (const std::string_view key : keys) {
      const std::string text = TextIn(entry, key);
      row.emplace_back(text.empty() ? "-" : text);
    }
  }
  return TableText({heads.begin(), heads.end()}, std::move(rows), colours);
}

std::string AgeText(int64_t seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < 2 * kMinute) {
    return fmt::format("{}s", seconds);
  }
  if (seconds < 2 * kHour) {
    return fmt::format("{}m", seconds / kMinute);
  }
  return seconds < 2 * kDay ? fmt::format("{}h", seconds / kHour)
                            : fmt::format("{}d", seconds / kDay);
}

}  // namespace dnspin
