#include "fuzz/answer_oracle.h"

#include <algorithm>
#include <map>

namespace dnspin::oracle {
namespace {

constexpr uint16_t kA = 1, kCname = 5, kAaaa = 28, kDname = 39, kOpt = 41, kSvcb = 64, kHttps = 65,
                   kAny = 255, kIn = 1;

uint32_t Number(std::string_view octets, size_t at, size_t count) {
  uint32_t number = 0;
  for (size_t i = at; i < at + count; ++i) {
    number = number * 256 + static_cast<uint8_t>(octets[i]);
  }
  return number;
}

struct Spelled {
  Labels labels;
  size_t end = 0;    // behind it, where it stands
  bool odd = false;  // by pointers that a strict reader need not follow
};

// A name by recursion: its labels, then what its pointer leads to. Pointers lead back.
std::optional<Spelled> NameAt(std::string_view octets, size_t at, size_t hops = 0) {
  Spelled name;
  for (const size_t begin = at; at < octets.size();) {
    const size_t length = static_cast<uint8_t>(octets[at]);
    if (length >= 0xC0) {
      if (at + 2 > octets.size()) {
        return std::nullopt;
      }
      const size_t to = Number(octets, at, 2) - 0xC000;
      const auto rest = to < begin ? NameAt(octets, to, hops + 1) : std::nullopt;
      if (!rest || hops > 200) {
        return std::nullopt;
      }
      name.odd = rest->odd || to < 12 || rest->end > begin || hops >= 100;
      name.labels.insert(name.labels.end(), rest->labels.begin(), rest->labels.end());
      name.end = at + 2;
      return name;
    }
    if (length >= 0x40 || at + 1 + length > octets.size()) {
      return std::nullopt;
    }
    at += 1 + length;
    if (length == 0) {
      name.end = at;
      return name;
    }
    std::string label(octets.substr(at - length, length));
    for (char& c : label) {
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    name.labels.push_back(std::move(label));
  }
  return std::nullopt;
}

size_t OctetsOf(const Labels& labels) {
  size_t octets = 1;
  for (const std::string& label : labels) {
    octets += 1 + label.size();
  }
  return octets;
}

// A section's entries; false if one of them does not fit.
bool ReadEntries(std::string_view octets, size_t count, size_t& at, Message& message,
                 std::vector<Entry>& entries) {
  for (; count != 0; --count) {
    const auto owner = NameAt(octets, at);
    if (!owner || OctetsOf(owner->labels) > 255 || owner->end + 10 > octets.size()) {
      return false;
    }
    const size_t fixed = owner->end;
    Entry entry{owner->labels,
                static_cast<uint16_t>(Number(octets, fixed, 2)),
                static_cast<uint16_t>(Number(octets, fixed + 2, 2)),
                Number(octets, fixed + 4, 4),
                {},
                {}};
    const size_t begin = fixed + 10;
    const size_t end = begin + Number(octets, fixed + 8, 2);
    if (end > octets.size()) {
      return false;
    }
    entry.rdata = octets.substr(begin, end - begin);
    bool plain = !owner->odd && ((entry.type == kA && end - begin == 4) ||
                                 (entry.type == kAaaa && end - begin == 16));
    if (entry.type == kCname || entry.type == kDname) {
      const auto target = NameAt(octets.substr(0, end), begin);
      if (target && target->end == end && OctetsOf(target->labels) <= 255) {
        entry.target = target->labels;
        plain = !owner->odd && !target->odd;
      }
    }
    message.plain = message.plain && plain;
    entries.push_back(std::move(entry));
    at = end;
  }
  return true;
}

// Of an OPT record only what it adds to the answer's code counts here.
void MergeExtendedCode(Message& message) {
  for (const Entry& entry : message.additional) {
    if (entry.type == kOpt) {
      message.rcode = static_cast<uint16_t>(message.rcode | (entry.ttl >> 24) << 4);
    }
  }
}

bool IsBelow(const Labels& name, const Labels& zone) {
  return name.size() > zone.size() && std::equal(zone.rbegin(), zone.rend(), name.rbegin());
}

uint32_t Lowered(uint32_t ttl) { return ttl > 0x7FFFFFFF ? 0 : ttl; }

void Lower(std::optional<uint32_t>& ttl, const Entry& entry) {
  ttl = std::min(ttl.value_or(UINT32_MAX), Lowered(entry.ttl));
}

// One step along the alias at the last name. False where there is none, or it is not to be
// believed.
bool Step(const Message& message, Descent& descent) {
  const Labels& name = descent.names.back();
  std::set<Labels> targets;
  for (const Entry& entry : message.answer) {
    if (entry.type == kCname && entry.klass == kIn && entry.owner == name) {
      descent.believed = descent.believed && entry.target;
      targets.insert(entry.target.value_or(Labels()));
      Lower(descent.way_ttl, entry);
    }
  }
  if (targets.empty()) {
    return false;
  }
  for (const Entry& entry : message.answer) {
    if (entry.type == kDname && entry.klass == kIn && IsBelow(name, entry.owner)) {
      Labels made(name.begin(), name.end() - static_cast<std::ptrdiff_t>(entry.owner.size()));
      descent.believed = descent.believed && entry.target;
      if (entry.target) {
        made.insert(made.end(), entry.target->begin(), entry.target->end());
      }
      targets.insert(made);
      Lower(descent.way_ttl, entry);
    }
  }
  const Labels target = *targets.begin();
  const bool circular =
      std::find(descent.names.begin(), descent.names.end(), target) != descent.names.end();
  descent.believed =
      descent.believed && targets.size() == 1 && !circular && descent.names.size() <= 16;
  if (descent.believed) {
    descent.names.push_back(target);
  }
  return descent.believed;
}

void Arrive(const Message& message, Descent& descent) {
  descent.ttl = descent.way_ttl;
  for (const Entry& entry : message.answer) {
    if (message.rcode != 0 || entry.klass != kIn || entry.type != message.type ||
        entry.owner != descent.names.back()) {
      continue;
    }
    const size_t wanted = entry.type == kA ? 4 : entry.type == kAaaa ? 16 : entry.rdata.size();
    if (entry.rdata.size() != wanted) {
      continue;
    }
    Lower(descent.ttl, entry);
    if (entry.type == kA || entry.type == kAaaa) {
      const auto known = descent.addresses.try_emplace(entry.rdata, Lowered(entry.ttl)).first;
      known->second = std::min(known->second, Lowered(entry.ttl));
    } else if (entry.type == kSvcb || entry.type == kHttps) {
      descent.hints.merge(HintsIn(entry.rdata).value_or(std::set<std::string>()));
    }
  }
}

}  // namespace

std::optional<Message> Read(std::string_view octets) {
  constexpr size_t kHeader = 12;
  if (octets.size() < kHeader + 5 || octets.size() > 65535) {
    return std::nullopt;
  }
  const uint32_t flags = Number(octets, 2, 2);
  const auto asked = NameAt(octets, kHeader);
  if ((flags & 0xF800) != 0x8000 || Number(octets, 4, 2) != 1 || !asked ||
      asked->end != kHeader + OctetsOf(asked->labels) || asked->end > kHeader + 255 ||
      asked->end + 4 > octets.size() || Number(octets, asked->end + 2, 2) != kIn) {
    return std::nullopt;
  }
  Message message;
  message.id = static_cast<uint16_t>(Number(octets, 0, 2));
  message.rcode = flags & 0x000F;
  message.asked = asked->labels;
  message.type = static_cast<uint16_t>(Number(octets, asked->end, 2));
  size_t at = asked->end + 4;
  if (!ReadEntries(octets, Number(octets, 6, 2), at, message, message.answer) ||
      !ReadEntries(octets, Number(octets, 8, 2), at, message, message.authority) ||
      !ReadEntries(octets, Number(octets, 10, 2), at, message, message.additional) ||
      at != octets.size()) {
    return std::nullopt;
  }
  message.plain =
      message.plain && message.answer.size() <= 256 &&
      message.answer.size() + message.authority.size() + message.additional.size() <= 512 &&
      octets.size() <= 4096;  // what so many pointers could add up to
  MergeExtendedCode(message);
  return message;
}

Descent Follow(const Message& message) {
  Descent descent;
  descent.names.push_back(message.asked);
  while (message.type != kCname && message.type != kAny && Step(message, descent)) {
  }
  if (descent.believed) {
    Arrive(message, descent);
  }
  return descent;
}

std::optional<std::set<std::string>> HintsIn(std::string_view rdata) {
  const auto target = rdata.size() < 3 ? std::nullopt : NameAt(rdata, 2);
  if (!target || target->end != 2 + OctetsOf(target->labels)) {
    return std::nullopt;
  }
  std::set<std::string> hints;
  for (size_t at = target->end; at != rdata.size();) {
    if (at + 4 > rdata.size() || at + 4 + Number(rdata, at + 2, 2) > rdata.size()) {
      return std::nullopt;
    }
    const uint32_t key = Number(rdata, at, 2);
    const size_t octets = key == 4 ? 4 : key == 6 ? 16 : 0;
    const size_t end = at + 4 + Number(rdata, at + 2, 2);
    for (at += 4; octets != 0 && at + octets <= end; at += octets) {
      hints.insert(std::string(rdata.substr(at, octets)));
    }
    at = end;
  }
  return hints;
}

namespace {

// Bits of an address, the first `length` of which are those of `prefix`.
bool Begins(std::string_view address, std::string_view prefix, size_t length) {
  for (size_t bit = 0; bit < length; ++bit) {
    const auto at = [bit](std::string_view octets) {
      return bit / 8 < octets.size() &&
             (static_cast<uint8_t>(octets[bit / 8]) >> (7 - bit % 8) & 1);
    };
    if (at(address) != at(prefix)) {
      return false;
    }
  }
  return true;
}

std::string At(std::string_view address, std::initializer_list<size_t> places) {
  std::string octets;
  for (const size_t place : places) {
    octets += address[place];
  }
  return octets;
}

// The IPv4 addresses that an IPv6 address stands for, each by the document that says so.
std::vector<std::string> Inside(std::string_view address) {
  using namespace std::string_view_literals;
  std::vector<std::string> inside;
  if (Begins(address, "\x00\x64\xFF\x9B"sv, 96) ||              // RFC 6052
      Begins(address, "\0\0\0\0\0\0\0\0\xFF\xFF\0\0"sv, 96)) {  // RFC 2765
    inside.push_back(At(address, {12, 13, 14, 15}));
  } else if (Begins(address, "\x00\x64\xFF\x9B\x00\x01"sv, 48)) {  // RFC 8215
    inside.push_back(At(address, {12, 13, 14, 15}));
    for (const std::string& place :
         {At(address, {6, 7, 9, 10}), At(address, {7, 9, 10, 11}), At(address, {9, 10, 11, 12})}) {
      if (place[0] != '\0') {  // else it is the prefix that goes on
        inside.push_back(place);
      }
    }
  } else if (Begins(address, "\x20\x02"sv, 16)) {  // RFC 3056
    inside.push_back(At(address, {2, 3, 4, 5}));
  } else if (Begins(address, "\x20\x01\x00\x00"sv, 32)) {  // RFC 4380
    inside.push_back(At(address, {4, 5, 6, 7}));
    std::string client = At(address, {12, 13, 14, 15});
    std::transform(client.begin(), client.end(), client.begin(),
                   [](char c) { return static_cast<char>(~c); });
    inside.push_back(client);
  }
  return inside;
}

}  // namespace

bool IsForbidden(std::string_view address, bool private_too, const std::set<std::string>& own) {
  using namespace std::string_view_literals;
  struct Range {
    std::string_view prefix;
    size_t length;
    bool lifted = false;  // by rebind_ok
  };
  static const std::vector<Range> kIpv4 = {
      {"\0"sv, 8},        {"\x0A"sv, 8, true},      {"\x64\x40"sv, 10, true}, {"\x7F"sv, 8},
      {"\xA9\xFE"sv, 16}, {"\xAC\x10"sv, 12, true}, {"\xC0\xA8"sv, 16, true}, {"\xE0"sv, 4},
      {"\xF0"sv, 4}};
  static const std::vector<Range> kIpv6 = {
      {""sv, 96},          {"\0\0\0\0\0\0\0\0\0\0\xFF\xFF"sv, 96},
      {"\xFC"sv, 7, true}, {"\xFE\x80"sv, 10},
      {"\xFE\xC0"sv, 10},  {"\xFF"sv, 8}};
  if (own.contains(std::string(address))) {
    return true;
  }
  const auto& ranges = address.size() == 4 ? kIpv4 : kIpv6;
  if (std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
        return (private_too || !range.lifted) && Begins(address, range.prefix, range.length);
      })) {
    return true;
  }
  const auto inside = address.size() == 4 ? std::vector<std::string>() : Inside(address);
  return std::any_of(inside.begin(), inside.end(),
                     [&](const std::string& inner) { return IsForbidden(inner, true, own); });
}

}  // namespace dnspin::oracle
