#include "cli/journal_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "pinning/address.h"

namespace dnspin {
namespace {

using Json = nlohmann::json;

// What a line says, in words that nobody has judged yet.
struct Entry {
  std::optional<absl::Time> at;
  std::string message;
  std::string kind;
  std::string name;
  std::string address;
  std::string life;
  std::string rule;
};

template <typename Number>
std::optional<Number> NumberIn(std::string_view text, Number most) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number <= most ? std::optional(number) : std::nullopt;
}

// A time that a calendar shows; beyond it lies nothing that dnspind has seen.
std::optional<absl::Time> Sane(absl::Time time) {
  const bool sane = time >= absl::FromUnixSeconds(946684800) &&  // the years 2000 to 2099
                    time < absl::FromUnixSeconds(4102444800);
  return sane ? std::optional(time) : std::nullopt;
}

bool Take(std::string_view& text, std::string_view beginning) {
  const bool there = text.starts_with(beginning);
  text.remove_prefix(there ? beginning.size() : 0);
  return there;
}

bool TakeEnd(std::string_view& text, std::string_view end) {
  const bool there = text.ends_with(end);
  text.remove_suffix(there ? end.size() : 0);
  return there;
}

// Between single spaces: one more word than spaces.
std::vector<std::string_view> WordsOf(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(' ', from), text.size());
    words.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return words;
}

void ReadPinned(std::string_view rest, Entry& entry) {
  const auto words = WordsOf(rest);  // NAME ADDRESS for 300s (rule 1)
  if (words.size() != 6 || words[2] != "for" || words[4] != "(rule") {
    return;
  }
  std::string_view life = words[3];
  std::string_view rule = words[5];
  if (TakeEnd(life, "s") && TakeEnd(rule, ")")) {
    entry.kind = "pinned";
    entry.name = words[0];
    entry.address = words[1];
    entry.life = life;
    entry.rule = rule;
  }
}

bool IsErrorOf(std::string_view client, std::string_view message) {
  const auto begins = [message](const std::string& text) { return message.starts_with(text); };
  std::string_view rest = message;
  if (Take(rest, "reader ")) {  // PID of CLIENT ended: ...
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    return rest.starts_with(fmt::format(" of {} ended: ", client));
  }
  return begins(fmt::format("{} has no pin left for ", client)) ||
         begins(fmt::format("{} is not served yet, ", client)) ||
         begins(fmt::format("the reader of {} is ended: ", client)) ||
         (begins("the kernel did not take the pins of ") &&
          message.ends_with(fmt::format(" for {}", client)));
}

// Where there are no fields the message has it all. What it tells of others makes no kind.
void ReadMessage(std::string_view client, Entry& entry) {
  const std::string message = entry.message;
  std::string_view rest = message;
  if (Take(rest, fmt::format("pinned {} ", client))) {
    ReadPinned(rest, entry);
  } else if (Take(rest, fmt::format("refused {} ", client))) {
    const size_t end = rest.find(": ");
    if (end != std::string_view::npos && rest.substr(0, end).find(' ') == std::string_view::npos) {
      entry.kind = "refused";
      entry.name = rest.substr(0, end);
    }
  } else if (Take(rest, fmt::format("revoked {} ", client))) {
    const auto words = WordsOf(rest.substr(0, rest.find(": ")));
    if (words.size() == 2) {
      entry.kind = "revoked";
      entry.name = words[0];
      entry.address = words[1];
    }
  } else if (message.starts_with(fmt::format("blocked {}: ", client))) {
    entry.kind = "blocked";
  } else if (message.ends_with(fmt::format(" log lines of {} left out", client))) {
    entry.kind = "left out";
  } else if (IsErrorOf(client, message)) {
    entry.kind = "error";
  }
}

// A field that is there twice, or is no text, is none.
std::string Field(const Json& object, const char* key) {
  const auto field = object.find(key);
  return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

std::optional<Entry> ReadJson(std::string_view line, std::string_view client) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return std::nullopt;
  }
  const std::string whose = Field(object, "DNSPIN_CLIENT");
  if (!whose.empty() && whose != client) {
    return std::nullopt;
  }
  Entry entry;
  entry.message = Field(object, "MESSAGE");
  if (const auto micros = NumberIn(Field(object, "__REALTIME_TIMESTAMP"), int64_t{INT64_MAX})) {
    entry.at = Sane(absl::FromUnixMicros(*micros));
  }
  if (!whose.empty()) {
    entry.kind = Field(object, "DNSPIN_EVENT");
    entry.name = Field(object, "DNSPIN_NAME");
    entry.address = Field(object, "DNSPIN_ADDRESS");
    entry.life = Field(object, "DNSPIN_TTL");
    entry.rule = Field(object, "DNSPIN_RULE");
  }
  return entry;
}

Entry ReadPlain(std::string_view line) {
  Entry entry;
  if (!line.empty() && line[0] >= '0' && line[0] <= '9') {
    const size_t end = std::min(line.find(' '), line.size());
    absl::Time time;
    std::string error;
    if (absl::ParseTime(absl::RFC3339_full, std::string(line.substr(0, end)), &time, &error)) {
      entry.at = Sane(time);
      line.remove_prefix(std::min(end + 1, line.size()));
    }
  }
  if (line.size() >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') {
    line.remove_prefix(3);
  }
  entry.message = line;
  return entry;
}

std::optional<EventKind> KindOf(const Entry& entry) {
  constexpr std::array<std::pair<std::string_view, EventKind>, 6> kKinds = {{
      {"pinned", EventKind::kPinned},
      {"refused", EventKind::kRefused},
      {"revoked", EventKind::kRevoked},
      {"blocked", EventKind::kBlocked},
      {"error", EventKind::kError},
      {"left out", EventKind::kLeftOut},
  }};
  for (const auto& [word, kind] : kKinds) {
    if (entry.kind == word) {
      return kind;
    }
  }
  return std::nullopt;
}

// The words behind `refused CLIENT NAME: `, or all of them.
std::string ReasonOf(const Entry& entry, std::string_view client, EventKind kind) {
  std::string_view reason = entry.message;
  if (kind == EventKind::kRefused &&
      !Take(reason, fmt::format("refused {} {}: ", client, entry.name))) {
    reason = "no reason told";
  }
  return std::string(reason.substr(0, kReasonTextMax));
}

// Nothing if what makes such an event is missing or wrong.
std::optional<JournalEvent> EventOf(const Entry& entry, std::string_view client) {
  const auto kind = KindOf(entry);
  if (!kind) {
    return std::nullopt;
  }
  JournalEvent event;
  event.kind = *kind;
  event.at = entry.at;
  const bool of_name = *kind <= EventKind::kRevoked;
  const bool of_address = of_name && *kind != EventKind::kRefused;
  if (of_name) {
    event.name = entry.name.substr(0, kNameTextMax);
  }
  if (of_address) {
    const auto address = Address::Parse(entry.address);
    event.address = address ? address->Text() : "";
  }
  if ((of_name && event.name.empty()) || (of_address && event.address.empty())) {
    return std::nullopt;
  }
  if (*kind == EventKind::kPinned) {
    const auto life = NumberIn<uint32_t>(entry.life, kLifeSecondsMax);
    if (!life) {
      return std::nullopt;
    }
    event.life_s = *life;
    event.rule = NumberIn<uint32_t>(entry.rule, UINT32_MAX).value_or(0);
  } else if (*kind == EventKind::kLeftOut) {
    const std::string_view count =
        std::string_view(entry.message).substr(0, entry.message.find(' '));
    event.lines_left_out = NumberIn<uint64_t>(count, kLeftOutMax).value_or(0);
  } else if (*kind != EventKind::kRevoked) {
    event.reason = ReasonOf(entry, client, *kind);
  }
  return event;
}

}  // namespace

std::optional<JournalEvent> ReadJournalLine(std::string_view line, std::string_view client) {
  std::optional<Entry> entry = line.starts_with('{') ? ReadJson(line, client) : ReadPlain(line);
  if (!entry) {
    return std::nullopt;
  }
  if (entry->kind.empty()) {
    ReadMessage(client, *entry);
  }
  return EventOf(*entry, client);
}

}  // namespace dnspin
