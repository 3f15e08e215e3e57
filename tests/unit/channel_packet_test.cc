#include "pinning/channel_packet.h"

#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Octets;

// The messages of these packets, in order; nothing if one of them is none.
std::optional<std::vector<std::string>> Read(const std::deque<std::string>& packets) {
  std::vector<std::string> messages;
  for (const std::string& packet : packets) {
    const auto here = MessagesIn(Octets(packet));
    if (!here) {
      return std::nullopt;
    }
    for (const auto message : *here) {
      messages.emplace_back(message.begin(), message.end());
    }
  }
  return messages;
}

TEST(ChannelPacket, MessagesShareAsManyPacketsAsTheyNeed) {
  const struct {
    std::vector<size_t> octets;
    size_t packets;
  } rows[] = {
      {{1}, 1},
      {{1024}, 1},
      {{1024, 1}, 2},
      {{1021, 1}, 1},
      {{1022, 1}, 2},
      {{1, 1024, 1, 1}, 3},
      {std::vector<size_t>(342, 1), 1},
      {std::vector<size_t>(343, 1), 2},
  };
  for (const auto& row : rows) {
    std::deque<std::string> packets;
    std::vector<std::string> messages;
    for (const size_t octets : row.octets) {
      messages.emplace_back(octets, static_cast<char>('a' + messages.size() % 26));
      AddMessage(packets, messages.back());
    }
    EXPECT_EQ(packets.size(), row.packets) << row.octets.size();
    for (const std::string& packet : packets) {
      EXPECT_LE(packet.size(), kChannelPacketOctetsMax);
    }
    EXPECT_EQ(Read(packets), messages);
  }
}

TEST(ChannelPacket, WhatIsNoneIsRefusedWhole) {
  using namespace std::string_literals;
  for (const std::string& packet :
       {""s, "\1"s, "\0\0"s, "\1\0"s, "\2\0a"s, "\1\0ab"s, "\1\0a\0\0"s, "\1\0a\1"s, "\1\0a\1\0"s,
        "\1\0a\2\0b"s, "\xff\xff"s + std::string(1024, 'x')}) {
    EXPECT_FALSE(MessagesIn(Octets(packet))) << packet.size();
  }
}

}  // namespace
}  // namespace dnspin
