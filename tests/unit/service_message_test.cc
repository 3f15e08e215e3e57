#include "pinning/service_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(ServiceMessage, WhatIsSaidIsWhatIsRead) {
  for (const ServeClient& message :
       {ServeClient{0, 0}, ServeClient{7, 0x0F}, ServeClient{UINT32_MAX, 0x05}}) {
    const std::string bytes = Encode(message);
    EXPECT_EQ(bytes.size(), kServiceMessageOctets);
    EXPECT_EQ(DecodeServiceMessage(Bytes(bytes)), ServiceMessage(message));
  }
  const std::string log = Encode(ServeLog{});
  EXPECT_EQ(log.size(), kServiceMessageOctets);
  EXPECT_EQ(DecodeServiceMessage(Bytes(log)), ServiceMessage(ServeLog{}));
}

TEST(ServiceMessage, AnythingElseIsRefused) {
  const std::string good = "\1\x0F\0\0\7\0\0\0"s;
  ASSERT_TRUE(DecodeServiceMessage(Bytes(good)).has_value());
  const std::vector<std::string> bad = {"",
                                        good.substr(0, 7),
                                        good + '\0',
                                        "\2\x0F\0\0\7\0\0\0"s,
                                        "\2\0\0\0\0\0\0\1"s,
                                        "\3\0\0\0\0\0\0\0"s,
                                        "\0\x0F\0\0\7\0\0\0"s,
                                        "\1\x10\0\0\7\0\0\0"s,
                                        "\1\xFF\0\0\7\0\0\0"s,
                                        "\1\x0F\1\0\7\0\0\0"s,
                                        "\1\x0F\0\1\7\0\0\0"s};
  for (const std::string& bytes : bad) {
    EXPECT_FALSE(DecodeServiceMessage(Bytes(bytes)).has_value());
  }
}

}  // namespace
}  // namespace dnspin
