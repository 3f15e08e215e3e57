#include "pinning/address.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

struct TextStory {
  std::string what;
  std::string text;
  std::optional<std::string> canonical;  // nothing: refused
};

const std::vector<TextStory> kAddressStories = {
    {"IPv4", "192.0.2.1", "192.0.2.1"},
    {"the last of a prefix", "192.0.2.255", "192.0.2.255"},
    {"the first of a prefix", "192.0.2.0", "192.0.2.0"},
    {"IPv6", "2001:db8::1", "2001:db8::1"},
    {"IPv6 in full and upper case", "2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
    {"one zero field is not shortened", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"the first longest run of zeros is", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"nowhere", "::", "::"},
    {"IPv4 inside", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    {"octal would be another address", "010.0.0.1", std::nullopt},
    {"hexadecimal", "0x0a.0.0.1", std::nullopt},
    {"three octets", "10.0.1", std::nullopt},
    {"one number", "167772161", std::nullopt},
    {"an octet too large", "256.0.0.1", std::nullopt},
    {"a blank in front", " 10.0.0.1", std::nullopt},
    {"something behind", "10.0.0.1 ", std::nullopt},
    {"a zero octet hides the rest", "10.0.0.1\0.evil"s, std::nullopt},
    {"a scope", "fe80::1%eth0", std::nullopt},
    {"brackets", "[::1]", std::nullopt},
    {"a prefix", "10.0.0.0/8", std::nullopt},
    {"two runs", "1::2::3", std::nullopt},
    {"nothing", "", std::nullopt},
    {"much too long", std::string(4000, '1'), std::nullopt},
};

TEST(Address, TextHasOneMeaning) {
  for (const TextStory& story : kAddressStories) {
    SCOPED_TRACE(story.what);
    const auto address = Address::Parse(story.text);
    ASSERT_EQ(address.has_value(), story.canonical.has_value());
    if (address) {
      EXPECT_EQ(address->Text(), *story.canonical);
      EXPECT_EQ(Address::FromBytes(address->bytes()), address);
    }
  }
}

TEST(Address, BytesAreFourOrSixteen) {
  const std::vector<uint8_t> bytes(32, 0xA0);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const auto address = Address::FromBytes(std::span(bytes).first(size));
    EXPECT_EQ(address.has_value(), size == 4 || size == 16) << size;
  }
  EXPECT_EQ(Address().Text(), "0.0.0.0");
}

TEST(Address, FamiliesDoNotMix) {
  const Address four = *Address::Parse("1.2.3.4");
  const Address six = *Address::Parse("102:304::");  // the same first octets
  EXPECT_NE(four, six);
  EXPECT_EQ(four.bytes().size(), 4U);
  EXPECT_EQ(six.bytes().size(), 16U);
}

const std::vector<TextStory> kPrefixStories = {
    {"a network", "192.0.2.0/24", "192.0.2.0/24"},
    {"host bits are cleared", "192.0.2.77/24", "192.0.2.0/24"},
    {"host bits inside an octet", "192.0.2.255/27", "192.0.2.224/27"},
    {"an address is a full prefix", "192.0.2.1", "192.0.2.1/32"},
    {"everything", "255.255.255.255/0", "0.0.0.0/0"},
    {"IPv6", "2001:db8:ffff::1/33", "2001:db8:8000::/33"},
    {"an IPv6 address", "2001:db8::1", "2001:db8::1/128"},
    {"all of IPv6", "::/0", "::/0"},
    {"too long for IPv4", "10.0.0.0/33", std::nullopt},
    {"too long for IPv6", "::/129", std::nullopt},
    {"a length that wraps around", "10.0.0.0/264", std::nullopt},
    {"a negative length", "10.0.0.0/-1", std::nullopt},
    {"a signed length", "10.0.0.0/+8", std::nullopt},
    {"a mask", "10.0.0.0/255.0.0.0", std::nullopt},
    {"no length", "10.0.0.0/", std::nullopt},
    {"two lengths", "10.0.0.0/8/8", std::nullopt},
    {"no address", "/8", std::nullopt},
};

TEST(Prefix, TextHasOneMeaning) {
  for (const TextStory& story : kPrefixStories) {
    SCOPED_TRACE(story.what);
    const auto prefix = Prefix::Parse(story.text);
    ASSERT_EQ(prefix.has_value(), story.canonical.has_value());
    if (prefix) {
      EXPECT_EQ(prefix->Text(), *story.canonical);
      EXPECT_EQ(Prefix::Parse(prefix->Text()), prefix);
      EXPECT_TRUE(prefix->Contains(prefix->address));
    }
  }
}

struct ContainsStory {
  std::string prefix;
  std::string address;
  bool contains;
};

const std::vector<ContainsStory> kContainsStories = {
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"100.64.0.0/10", "100.63.255.255", false},
    {"100.64.0.0/10", "100.64.0.0", true},
    {"100.64.0.0/10", "100.127.255.255", true},
    {"100.64.0.0/10", "100.128.0.0", false},
    {"192.0.2.255/32", "192.0.2.255", true},
    {"192.0.2.255/32", "192.0.2.254", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::", false},
    {"::/0", "0.0.0.0", false},
    {"::/0", "ffff::", true},
    {"fc00::/7", "fdff:ffff::", true},
    {"fc00::/7", "fe00::", false},
    {"2001:db8::/127", "2001:db8::1", true},
    {"2001:db8::/127", "2001:db8::2", false},
    {"::1/128", "::1", true},
    {"::ffff:0:0/96", "::ffff:10.0.0.1", true},
};

TEST(Prefix, HoldsItsAddressesAndNoOther) {
  for (const ContainsStory& story : kContainsStories) {
    EXPECT_EQ(Prefix::Parse(story.prefix)->Contains(*Address::Parse(story.address)), story.contains)
        << story.prefix << " " << story.address;
  }
}

// Every length against the definition: the first `length` bits agree.
TEST(Prefix, EveryLengthIsItsBits) {
  const std::string base = "a5a5:5a5a:c3c3:3c3c:f00f:0ff0:9669:6996";
  const Address address = *Address::Parse(base);
  const auto all = address.bytes();
  for (unsigned length = 0; length <= 128; ++length) {
    const auto prefix = Prefix::Parse(base + "/" + std::to_string(length));
    ASSERT_TRUE(prefix.has_value());
    for (unsigned bit = 0; bit < 128; ++bit) {
      std::vector<uint8_t> flipped(all.begin(), all.end());
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (0x80U >> bit % 8));
      EXPECT_EQ(prefix->Contains(*Address::FromBytes(flipped)), bit >= length)
          << length << " " << bit;
    }
  }
}

const std::vector<TextStory> kEndpointStories = {
    {"an address", "9.9.9.9", "9.9.9.9:53"},
    {"an address and a port", "9.9.9.9:5353", "9.9.9.9:5353"},
    {"IPv6", "2620:fe::fe", "[2620:fe::fe]:53"},
    {"IPv6 in brackets", "[2620:fe::fe]", "[2620:fe::fe]:53"},
    {"IPv6 and a port", "[2620:fe::fe]:853", "[2620:fe::fe]:853"},
    {"without brackets the port would be a field", "2620:fe::fe:853", "[2620:fe::fe:853]:53"},
    {"the last port", "9.9.9.9:65535", "9.9.9.9:65535"},
    {"no port", "9.9.9.9:", std::nullopt},
    {"port nought", "9.9.9.9:0", std::nullopt},
    {"a port too large", "9.9.9.9:65536", std::nullopt},
    {"a port that is no number", "9.9.9.9:dns", std::nullopt},
    {"brackets around IPv4", "[9.9.9.9]:53", std::nullopt},
    {"an open bracket", "[2620:fe::fe", std::nullopt},
    {"something behind the bracket", "[2620:fe::fe]53", std::nullopt},
    {"a name", "dns.example:53", std::nullopt},
    {"nothing", "", std::nullopt},
    {"brackets around nothing", "[]:53", std::nullopt},
};

TEST(Endpoint, TextHasOneMeaning) {
  for (const TextStory& story : kEndpointStories) {
    SCOPED_TRACE(story.what);
    const auto endpoint = Endpoint::Parse(story.text);
    ASSERT_EQ(endpoint.has_value(), story.canonical.has_value());
    if (endpoint) {
      EXPECT_EQ(endpoint->Text(), *story.canonical);
      EXPECT_EQ(Endpoint::Parse(endpoint->Text()), endpoint);
    }
  }
}

}  // namespace
}  // namespace dnspin
