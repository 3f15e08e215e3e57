#include "config/qubesdb_message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace dnspin::qubesdb {
namespace {

// As a server writes it; whatever it is.
std::string Raw(uint8_t type, const std::string& path, const std::string& data,
                std::optional<uint32_t> length = std::nullopt) {
  std::string octets(72, '\0');
  octets[0] = static_cast<char>(type);
  path.copy(octets.data() + 1, 64);
  const auto count = length.value_or(static_cast<uint32_t>(data.size()));
  std::memcpy(octets.data() + 68, &count, sizeof(count));
  return octets + data;
}

TEST(QubesdbMessage, IsWrittenAsTheProtocolSays) {
  EXPECT_EQ(Encode({Type::kWatch, "/qubes-firewall/", ""}), Raw(5, "/qubes-firewall/", ""));
  EXPECT_EQ(Encode({Type::kWrite, "/a", "42"}), Raw(1, "/a", "42"));
  const std::string longest = "/" + std::string(kPathOctetsMax - 1, 'x');
  EXPECT_EQ(Encode({Type::kRead, longest, ""}), Raw(0, longest, ""));
}

TEST(QubesdbMessage, PathsAreThoseThatTheServerTakes) {
  for (const char* good : {"/", "/a", "/qubes-firewall/10.137.0.25/0000", "/dns/fd09::1/a.test",
                           "/a_b@c", "/qubes-firewall/"}) {
    EXPECT_TRUE(IsPath(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("a"), std::string("/a*"), std::string("/a b"),
        std::string("/\n"), "/" + std::string(kPathOctetsMax, 'x'), std::string("/a\0b", 4)}) {
    EXPECT_FALSE(IsPath(bad)) << bad;
  }
}

std::vector<Message> All(Decoder& decoder) {
  std::vector<Message> messages;
  for (auto next = decoder.Next(); next.ok() && next->has_value(); next = decoder.Next()) {
    messages.push_back(**next);
  }
  return messages;
}

TEST(QubesdbDecoder, CutsTheStreamWhereverItIsBroken) {
  const std::string longest(kValueOctetsMax, 'v');
  const std::vector<Message> said = {{Type::kOk, "", ""},
                                     {Type::kWatchFired, "/qubes-firewall/10.0.0.1/", ""},
                                     {Type::kEntry, "/a/0000", "action=accept"},
                                     {Type::kValue, "/b", longest},
                                     {Type::kEntry, "", ""}};
  std::string stream;
  for (const Message& message : said) {
    stream += Raw(static_cast<uint8_t>(message.type), message.path, message.data);
  }
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Decoder decoder;
    decoder.Take(stream.substr(0, cut));
    std::vector<Message> read = All(decoder);
    decoder.Take(stream.substr(cut));
    for (Message& message : All(decoder)) {
      read.push_back(std::move(message));
    }
    ASSERT_EQ(read, said) << cut;
  }
}

TEST(QubesdbDecoder, WhatNoServerSaysIsAnError) {
  const struct {
    const char* story;
    std::string octets;
  } rows[] = {
      {"a command", Raw(0, "/a", "")},
      {"a type that is none", Raw(14, "/a", "")},
      {"data too long", Raw(10, "/a", "", kValueOctetsMax + 1)},
      {"as much data as there are numbers", Raw(10, "/a", "", UINT32_MAX)},
      {"a path without an end", Raw(10, "/" + std::string(63, 'a'), "")},
      {"a path that begins nowhere", Raw(10, "a", "")},
      {"a path with a blank", Raw(13, "/a b", "")},
  };
  for (const auto& row : rows) {
    Decoder decoder;
    decoder.Take(row.octets);
    EXPECT_FALSE(decoder.Next().ok()) << row.story;
  }
}

}  // namespace
}  // namespace dnspin::qubesdb
