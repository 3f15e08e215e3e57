#include "bench/compare/load/upstream_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace dnspin::bench {
namespace {

constexpr uint32_t kReachable = 10U << 24 | 137U << 16 | 128U << 8;
constexpr uint32_t kUnreached = 10U << 24 | 64U << 16;
constexpr uint32_t kUnreachedMask = 0x3fffff;
constexpr uint16_t kA = 1, kCname = 5, kSoa = 6, kAaaa = 28, kHttps = 65;
constexpr std::array<uint32_t, 8> kTtls = {20, 30, 60, 60, 120, 300, 300, 3600};

uint32_t Mix(uint32_t hash) {
  hash ^= hash >> 16;
  hash *= 0x7feb352dU;
  hash ^= hash >> 15;
  hash *= 0x846ca68bU;
  return hash ^ (hash >> 16);
}

// Who asks may play with the letters' case.
uint8_t Lower(char c) { return static_cast<uint8_t>(c) | 0x20U; }

bool Is(std::string_view label, std::string_view word) {
  return std::ranges::equal(label, word, [](char a, char b) { return Lower(a) == Lower(b); });
}

uint32_t DecimalAt(std::string_view text, size_t& at) {
  uint32_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<uint32_t>(text[at] - '0');
  }
  return number;
}

uint32_t HexOf(std::string_view text) {
  uint32_t number = 0;
  for (const char c : text) {
    number = number << 4 | (Lower(c) >= 'a' ? Lower(c) - 'a' + 10U : (Lower(c) - '0') & 15U);
  }
  return number;
}

class Writer {
 public:
  Writer(uint8_t* message, size_t at) : message_(message), at_(at) {}
  size_t at() const { return at_; }
  void Octets(std::string_view octets) {
    std::memcpy(message_ + at_, octets.data(), octets.size());
    at_ += octets.size();
  }
  void U16(uint32_t value) {
    message_[at_++] = static_cast<uint8_t>(value >> 8);
    message_[at_++] = static_cast<uint8_t>(value);
  }
  void U32(uint32_t value) {
    U16(value >> 16);
    U16(value);
  }
  void Pointer(size_t offset) { U16(0xc000U | static_cast<uint32_t>(offset)); }
  void RecordHead(size_t owner, uint16_t type, uint32_t ttl, uint32_t octets) {
    Pointer(owner);
    U16(type);
    U16(1);
    U32(ttl);
    U16(octets);
  }

 private:
  uint8_t* message_;
  size_t at_;
};

struct Question {
  std::string_view first, zone;  // its leftmost label, and the third from the right
  size_t zone_at = 0, apex_at = 0, end = 0;
  uint16_t type = 0;
  bool ours = false;
};

// False: not a question that can be read.
bool Read(const uint8_t* message, size_t octets, Question& question) {
  if (octets < 17 || (message[2] & 0x80) != 0 || message[4] != 0 || message[5] != 1) {
    return false;
  }
  std::array<size_t, 12> labels{};
  size_t count = 0;
  size_t at = 12;
  for (; at < octets && message[at] != 0; at += message[at] + 1U) {
    if (message[at] > 63 || count == labels.size()) {
      return false;
    }
    labels[count++] = at;
  }
  if (at + 5 > octets) {
    return false;
  }
  const auto label = [&](size_t where) {
    return std::string_view(reinterpret_cast<const char*>(message) + where + 1, message[where]);
  };
  question.end = at + 5;
  question.type = static_cast<uint16_t>(message[at + 1] << 8 | message[at + 2]);
  if (count >= 4) {
    question.first = label(labels[0]);
    question.zone = label(question.zone_at = labels[count - 3]);
    question.apex_at = labels[count - 2];
    question.ours = Is(label(question.apex_at), "pin");
  }
  return true;
}

struct Plan {
  uint32_t hash = 0, ttl = 300, addresses = 1, aliases = 0, first_alias = 0, turn = 0;
};

Plan PlanOf(const Question& question) {
  static uint32_t turns = 0;
  Plan plan;
  uint32_t hash = 2166136261U;
  for (const char c : question.first) {
    hash = (hash ^ Lower(c)) * 16777619U;
  }
  plan.hash = Mix((hash ^ Lower(question.zone[0])) * 16777619U);
  const bool is_alias =
      question.first.size() == 11 && Lower(question.first[0]) == 'c' && question.first[2] == '-';
  if (is_alias) {  // asked by itself: it goes on where the chain stood
    plan.hash = HexOf(question.first.substr(3));
    plan.first_alias = static_cast<uint32_t>(question.first[1] - '0') + 1;
  }
  if (Is(question.zone, "rr")) {
    plan.addresses = 8;
    plan.ttl = 5;
    plan.turn = turns++;
  } else if (Is(question.zone, "cn")) {
    plan.aliases = 3;
  } else if (Is(question.zone, "z")) {
    plan.ttl = kTtls[plan.hash & 7];
    plan.addresses = 1 + (plan.hash >> 3 & 3);
    plan.aliases = (plan.hash >> 5) % 3;
  }
  return plan;
}

uint32_t AddressOf(const Question& question, const Plan& plan, uint32_t number) {
  if (Is(question.zone, "u")) {
    return kUnreached | (HexOf(question.first.substr(1)) & kUnreachedMask);
  }
  const uint32_t which = (plan.turn + number) % plan.addresses;
  return kUnreached | (Mix(plan.hash + which * 0x9e3779b9U) & kUnreachedMask);
}

uint32_t WriteAddresses(const Question& question, const Plan& plan, size_t owner, Writer& to) {
  for (uint32_t i = 0; i < plan.addresses; ++i) {
    const uint32_t address = AddressOf(question, plan, i);
    if (question.type == kA) {
      to.RecordHead(owner, kA, plan.ttl, 4);
    } else {
      to.RecordHead(owner, kAaaa, plan.ttl, 16);
      to.U32(0xfd137000);
      to.U32(0);
      to.U32(0);
    }
    to.U32(address);
  }
  return plan.addresses;
}

// Returns how many records.
uint32_t WriteByPlan(const Question& question, const Plan& plan, Writer& to) {
  uint32_t records = 0;
  size_t owner = 12;
  const bool binds = question.type == kHttps && (plan.hash & 1) == 0;
  if (question.type != kA && question.type != kAaaa && question.type != kHttps) {
    return 0;
  }
  for (uint32_t i = plan.first_alias; i < plan.aliases; ++i, ++records) {
    const std::string label = fmt::format("c{}-{:08x}", i, plan.hash);
    to.RecordHead(owner, kCname, plan.ttl, static_cast<uint32_t>(label.size() + 3));
    owner = to.at();
    to.Octets(static_cast<char>(label.size()) + label);
    to.Pointer(question.zone_at);
  }
  if (question.type != kHttps) {
    return records + WriteAddresses(question, plan, owner, to);
  }
  if (binds) {
    constexpr std::string_view kAlpnH2("\0\1\0\0\1\0\3\2h2", 10);
    to.RecordHead(owner, kHttps, plan.ttl, kAlpnH2.size());
    to.Octets(kAlpnH2);
  }
  return records + (binds ? 1 : 0);
}

uint32_t WriteReachable(const Question& question, Writer& to) {
  uint32_t ttl = 300;
  size_t at = 1;
  if (Is(question.zone, "t")) {
    ttl = DecimalAt(question.first, at);
    ++at;
  }
  const uint32_t number = DecimalAt(question.first, at);
  if (question.type != kA) {
    return 0;
  }
  to.RecordHead(12, kA, ttl, 4);
  to.U32(kReachable + 1 + number % 32000);
  return 1;
}

void WriteSoa(const Question& question, Writer& to) {
  const size_t apex = question.ours ? question.apex_at : 12;
  to.RecordHead(apex, kSoa, 60, 24);
  to.Pointer(apex);
  to.Pointer(apex);
  for (const uint32_t value : {1U, 3600U, 600U, 86400U, 60U}) {
    to.U32(value);
  }
}

}  // namespace

size_t Answer(uint8_t* message, size_t octets) {
  Question question;
  if (!Read(message, octets, question)) {
    return 0;
  }
  const bool edns = message[10] != 0 || message[11] != 0;
  Writer to(message, question.end);
  uint32_t records = 0;
  if (question.ours) {
    records = Is(question.zone, "race") || Is(question.zone, "t")
                  ? WriteReachable(question, to)
                  : WriteByPlan(question, PlanOf(question), to);
  }
  if (records == 0) {
    WriteSoa(question, to);
  }
  if (edns) {
    to.Octets(std::string_view("\0\0\51\4\320\0\0\0\0\0\0", 11));
  }
  message[2] = static_cast<uint8_t>(0x80 | (message[2] & 0x79));
  message[3] = question.ours ? 0x80 : 0x83;
  Writer head(message, 6);
  head.U16(records);
  head.U16(records == 0 ? 1 : 0);
  head.U16(edns ? 1 : 0);
  return to.at();
}

}  // namespace dnspin::bench
