// The messages between dnspind and a reader, and what a liar sends instead.
#include "pinning/channel_message.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

Name N(const std::string& host) { return *Name::FromHost(host); }

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Name LongestName() {
  std::string wire;
  for (int i = 0; i < 3; ++i) {
    wire += '\x3f' + std::string(63, '\xff');
  }
  wire += '\x3d' + std::string(61, '\0');
  return *Name::FromWire(wire + '\0');
}

PinRequest SmallRequest() {
  return {7, 3, 60, N("api.github.com"), ".github.com", {*Address::Parse("140.82.112.3")}, false};
}

PinRequest LargestRequest() {
  PinRequest request{UINT64_MAX, UINT32_MAX, UINT32_MAX, LongestName(), std::string(256, '\xff'),
                     {},         true};
  request.addresses.assign(kAddressesPerRequest, *Address::Parse("ffff:ffff::ffff"));
  return request;
}

struct Story {
  std::string what;
  FromReader message;
  size_t octets;
};

const std::vector<Story> kStories = {
    {"a pin request", SmallRequest(), 1 + 8 + 4 + 4 + (2 + 16) + (2 + 11) + 1 + 5 + 1},
    {"the largest one", LargestRequest(), 1 + 8 + 4 + 4 + (2 + 255) + (2 + 256) + 1 + 24 * 17 + 1},
    {"both families",
     PinRequest{0, 0, 0, Name(), "~", {*Address::Parse("0.0.0.0"), *Address::Parse("::")}, true},
     1 + 8 + 4 + 4 + 3 + 3 + 1 + 5 + 17 + 1},
    {"a dropped name without addresses",
     DropAddresses{3, N("ads.test"), Family::kIpv6, true, true, {}}, 1 + 4 + (2 + 10) + 3 + 1},
    {"the middle of a long answer",
     DropAddresses{UINT32_MAX, LongestName(), Family::kIpv6, false, false,
                   std::vector(kAddressesPerRequest, *Address::Parse("::1"))},
     1 + 4 + (2 + 255) + 3 + 1 + 24 * 17},
    {"a refusal", RefusalReport{15, N("ads.test")}, 1 + 2 + 2 + 10},
    {"a refusal of the longest name", RefusalReport{UINT16_MAX, LongestName()}, 1 + 2 + 2 + 255},
    {"a grant", GrantRequest{3, 60, ".a.test", N("x.a.test"), N("t.test")},
     1 + 4 + 4 + (2 + 7) + (2 + 10) + (2 + 8)},
    {"the largest grant",
     GrantRequest{UINT32_MAX, UINT32_MAX, std::string(256, '~'), LongestName(), LongestName()},
     1 + 4 + 4 + (2 + 256) + (2 + 255) + (2 + 255)},
    {"an upstream that fails",
     UpstreamReport{*Endpoint::Parse("192.0.2.53"), true, 0, UINT32_MAX, std::nullopt},
     1 + 5 + 2 + 1 + 4 + 4 + 1},
    {"one that answers",
     UpstreamReport{*Endpoint::Parse("[2001:db8::53]:5353"), false, 1, 0,
                    UpstreamReport::Answered{7, UINT32_MAX}},
     1 + 17 + 2 + 1 + 4 + 4 + 1 + 8},
    {"counters", CountersReport{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 1 + 128},
    {"counters at their ends", CountersReport{UINT64_MAX, 0, UINT64_MAX, 0, 1, 0, 0, UINT64_MAX},
     129},
    {"a packet that goes on as it is", HeldVerdict{9, 7, HeldVerdict::Kind::kAccept, ""},
     1 + 2 + 4 + 1 + 2},
    {"one that goes nowhere", HeldVerdict{UINT16_MAX, UINT32_MAX, HeldVerdict::Kind::kDrop, ""},
     1 + 2 + 4 + 1 + 2},
    {"the largest in another's place",
     HeldVerdict{0, 0, HeldVerdict::Kind::kReplace, std::string(kPutBackOctetsMax, '\xff')},
     kHeldVerdictOctetsMax},
};

size_t OctetsMaxOf(const FromReader& message) {
  return std::holds_alternative<HeldVerdict>(message) ? kHeldVerdictOctetsMax : kMessageOctetsMax;
}

TEST(ChannelMessage, WhatAReaderSaysIsWhatIsRead) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    const std::string bytes = Encode(story.message);
    EXPECT_EQ(bytes.size(), story.octets);
    EXPECT_LE(bytes.size(), OctetsMaxOf(story.message));
    const auto read = DecodeFromReader(Bytes(bytes));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, story.message);
    EXPECT_FALSE(DecodeToReader(Bytes(bytes)).ok());  // not in the other direction
  }
}

const std::vector<ToReader> kReplies = {
    PinReply{0, PinOutcome::kDone},
    PinReply{UINT64_MAX, PinOutcome::kQuota},
    PinReply{1, PinOutcome::kStale},
    PinReply{2, PinOutcome::kFailed},
    PolicyNotice{0},
    PolicyNotice{UINT32_MAX},
    PinsInDoubt{},
    QueueNotice{0},
    QueueNotice{UINT16_MAX},
};

TEST(ChannelMessage, WhatDnspindSaysIsWhatIsRead) {
  for (const ToReader& reply : kReplies) {
    const std::string bytes = Encode(reply);
    const auto read = DecodeToReader(Bytes(bytes));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, reply);
    EXPECT_FALSE(DecodeFromReader(Bytes(bytes)).ok());
  }
}

// A message cut at any octet, or with one behind it, is none.
TEST(ChannelMessage, ItsLengthIsPartOfIt) {
  for (const Story& story : kStories) {
    const std::string bytes = Encode(story.message);
    for (size_t octets = 0; octets < bytes.size(); ++octets) {
      ASSERT_FALSE(DecodeFromReader(Bytes(bytes.substr(0, octets))).ok()) << story.what << octets;
    }
    EXPECT_FALSE(DecodeFromReader(Bytes(bytes + '\0')).ok());
    EXPECT_FALSE(DecodeFromReader(Bytes(bytes + bytes)).ok());
  }
  for (const ToReader& reply : kReplies) {
    const std::string bytes = Encode(reply);
    for (size_t octets = 0; octets < bytes.size(); ++octets) {
      ASSERT_FALSE(DecodeToReader(Bytes(bytes.substr(0, octets))).ok());
    }
    EXPECT_FALSE(DecodeToReader(Bytes(bytes + '\0')).ok());
  }
}

TEST(ChannelMessage, APacketIsThereIfAndOnlyIfItTakesAnothersPlace) {
  const auto verdict = [](char kind, const std::string& text) {
    return DecodeFromReader(Bytes("\6\2\0\1\0\0\0"s + kind + text));
  };
  EXPECT_TRUE(verdict('\0', "\0\0"s).ok());
  EXPECT_TRUE(verdict('\1', "\0\0"s).ok());
  EXPECT_TRUE(verdict('\2', "\x1c\0"s + std::string(28, 'E')).ok());
  EXPECT_FALSE(verdict('\2', "\x1b\0"s + std::string(27, 'E')).ok()) << "no packet of UDP";
  EXPECT_FALSE(verdict('\0', "\1\0x"s).ok());
  EXPECT_FALSE(verdict('\1', "\1\0x"s).ok());
  EXPECT_FALSE(verdict('\2', "\0\0"s).ok());
  EXPECT_FALSE(verdict('\3', "\0\0"s).ok());
  const std::string longest(kPutBackOctetsMax + 1, 'x');
  EXPECT_FALSE(verdict('\2', "\x29\x10"s + longest).ok()) << "0x1029 octets";
}

// The fields of a pin request, each to be made wrong.
struct Raw {
  std::string type = "\1";
  std::string numbers = std::string(8 + 4 + 4, '\0');
  std::string name = "\3\0\1a\0"s;
  std::string host = "\1\0a"s;
  std::string count = "\1";
  std::string addresses = "\4\1\2\3\4";
  std::string unasked = std::string(1, '\0');

  std::string Bytes() const { return type + numbers + name + host + count + addresses + unasked; }
};

struct LiarStory {
  std::string what;
  Raw raw;
  bool good = false;
};

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

const std::vector<LiarStory> kLiarStories = {
    {"an honest one", {}, true},
    {"no type", {.type = ""}},
    {"type nought", {.type = "\0"s}},
    {"a type of the other direction", {.type = "\x10"}},
    {"an unknown type", {.type = "\xff"}},
    {"a name without its root", {.name = "\2\0\1a"s}},
    {"an empty name", {.name = "\0\0"s}},
    {"a name longer than it says", {.name = "\3\0\2a\0"s}},
    {"a name shorter than it says", {.name = "\4\0\1a\0\0"s}},
    {"a compressed name", {.name = "\2\0\xC0\x0C"s}},
    {"a name of 256", {.name = "\0\1"s + Times(127, "\1a") + "\1\0"s}},
    {"a name that swallows the rest", {.name = "\xff\xff\1a\0"s}},
    {"no rule host", {.host = "\0\0"s}},
    {"a rule host of 256", {.host = "\0\1"s + std::string(256, 'a')}, true},
    {"a rule host of 257", {.host = "\1\1"s + std::string(257, 'a')}},
    {"a rule host that swallows the rest", {.host = "\xff\xff"s + "a"}},
    {"no address", {.count = "\0"s, .addresses = ""}},
    {"24 addresses", {.count = "\x18", .addresses = Times(24, "\4\1\2\3\4")}, true},
    {"25 addresses", {.count = "\x19", .addresses = Times(25, "\4\1\2\3\4")}},
    {"255 addresses that are not there", {.count = "\xff"}},
    {"more addresses than it says", {.addresses = Times(2, "\4\1\2\3\4")}},
    {"fewer addresses than it says", {.count = "\2"}},
    {"an address of five octets", {.addresses = "\5\1\2\3\4\5"}},
    {"an address of no octets", {.addresses = "\0"s}},
    {"an address of 255 octets", {.addresses = "\xff" + std::string(255, '\1')}},
    {"an IPv6 address cut short", {.addresses = "\x10" + std::string(15, '\1')}},
    {"an IPv6 address", {.addresses = "\x10" + std::string(16, '\1')}, true},
    {"unasked", {.unasked = "\1"}, true},
    {"neither asked nor unasked", {.unasked = "\2"}},
};

TEST(ChannelMessage, ALiarsRequestIsRefused) {
  for (const LiarStory& story : kLiarStories) {
    const auto read = DecodeFromReader(Bytes(story.raw.Bytes()));
    EXPECT_EQ(read.ok(), story.good) << story.what << ": " << read.status();
  }
}

TEST(ChannelMessage, PiecesOfADroppedNameThatCannotBeAreRefused) {
  const auto piece = [](const std::string& flags, const std::string& addresses) {
    return DecodeFromReader(Bytes("\5\1\0\0\0\3\0\1a\0"s + flags + addresses)).ok();
  };
  const std::string one = "\1\4\1\2\3\4";
  EXPECT_TRUE(piece("\0\1\1"s, one));
  EXPECT_TRUE(piece("\0\1\1"s, "\0"s));
  EXPECT_TRUE(piece("\0\0\0"s, one));
  EXPECT_FALSE(piece("\0\0\1"s, "\0"s)) << "a last piece with nothing in it";
  EXPECT_FALSE(piece("\0\1\0"s, "\0"s)) << "a first one";
  EXPECT_FALSE(piece("\1\1\1"s, one)) << "an IPv4 address of the family IPv6";
  EXPECT_FALSE(piece("\2\1\1"s, one)) << "a third family";
  EXPECT_FALSE(piece("\0\2\1"s, one));
  EXPECT_FALSE(piece("\0\1\xff"s, one));
  EXPECT_TRUE(piece("\0\1\1"s, "\x18" + Times(24, "\4\1\2\3\4")));
  EXPECT_FALSE(piece("\0\1\1"s, "\x19" + Times(25, "\4\1\2\3\4")));
}

TEST(ChannelMessage, OddRepliesAreRefused) {
  const std::string ticket(8, '\0');
  EXPECT_TRUE(DecodeToReader(Bytes("\x10" + ticket + "\3")).ok());
  EXPECT_FALSE(DecodeToReader(Bytes("\x10" + ticket + "\4")).ok());  // no such outcome
  EXPECT_FALSE(DecodeToReader(Bytes("\x10" + ticket + "\xff")).ok());
  EXPECT_FALSE(DecodeToReader(Bytes("\x12\0\0\0\0"s)).ok());
  EXPECT_FALSE(DecodeToReader({}).ok());
  EXPECT_FALSE(DecodeFromReader({}).ok());
}

TEST(ChannelMessage, LongerThanAllowedIsNotEvenRead) {
  for (const size_t octets : {kMessageOctetsMax + 1, size_t{1 << 20}}) {
    for (const char type : {'\1', '\2', '\3', '\5', '\x10', '\x11'}) {
      const std::string bytes(octets, type);
      EXPECT_FALSE(DecodeFromReader(Bytes(bytes)).ok());
      EXPECT_FALSE(DecodeToReader(Bytes(bytes)).ok());
    }
  }
}

// A name has one meaning on both sides, however it was spelled.
TEST(ChannelMessage, NamesArriveInLowerCase) {
  Raw raw;
  raw.name = "\3\0\1A\0"s;
  const auto read = DecodeFromReader(Bytes(raw.Bytes()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(std::get<PinRequest>(*read).asked, N("a"));
}

// Flipped bits: what is still accepted says the same after another trip.
TEST(ChannelMessage, FlippedBitsAreReadOrRefused) {
  std::mt19937 random(1);
  size_t accepted = 0;
  for (const Story& story : kStories) {
    const std::string good = Encode(story.message);
    for (int round = 0; round < 2000; ++round) {
      std::string bytes = good;
      for (auto flips = 1 + random() % 3; flips > 0; --flips) {
        char& octet = bytes[random() % bytes.size()];
        octet = static_cast<char>(octet ^ (1 << random() % 8));
      }
      const auto read = DecodeFromReader(Bytes(bytes));
      if (read.ok()) {
        ++accepted;
        ASSERT_EQ(*DecodeFromReader(Bytes(Encode(*read))), *read);
      }
    }
  }
  EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace dnspin
