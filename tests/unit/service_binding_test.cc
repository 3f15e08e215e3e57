#include "resolver/service_binding.h"

#include <gtest/gtest.h>

#include "tests/unit/cpu_time.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

std::string Param(size_t key, std::string_view value) {
  return U16(key) + U16(value.size()) + std::string(value);
}
std::string Keys(std::initializer_list<size_t> keys) {
  std::string value;
  for (const size_t key : keys) {
    value += U16(key);
  }
  return Param(0, value);
}

const std::string kService = U16(1) + N("pool.Example.net");
const std::string kAlpn = Param(1, "\2h2\2h3");
const std::string kNoDefault = Param(2, "");
const std::string kPort = Param(3, U16(8443));
const std::string kIpv4Hint = Param(4, V4(192, 0, 2, 1) + V4(192, 0, 2, 2));
const std::string kEch = Param(5, "ech");
const std::string kIpv6Hint = Param(6, Zeros(16));
const std::string kOther = Param(667, "hello");

std::optional<std::string> WithoutHints(const std::string& rdata) {
  return Filtered(
      rdata, [](const Address&) { return false; }, BindingTerms::Ech::kKeep);
}

TEST(ServiceBindingTest, HintsAreRemoved) {
  const struct {
    const char* story;
    std::string rdata;
    std::string kept;
  } rows[] = {
      {"no parameters", kService, kService},
      {"no hints", kService + kAlpn + kPort + kEch + kOther,
       kService + kAlpn + kPort + kEch + kOther},
      {"both hints among others",
       kService + kAlpn + kNoDefault + kPort + kIpv4Hint + kEch + kIpv6Hint + kOther,
       kService + kAlpn + kNoDefault + kPort + kEch + kOther},
      {"hints alone", kService + kIpv4Hint + kIpv6Hint, kService},
      {"mandatory without hints", kService + Keys({1, 3}) + kAlpn + kPort + kIpv6Hint,
       kService + Keys({1, 3}) + kAlpn + kPort},
      {"mandatory with hints", kService + Keys({1, 4, 6}) + kAlpn + kIpv4Hint + kIpv6Hint,
       kService + Keys({1}) + kAlpn},
      {"mandatory of hints alone", kService + Keys({4, 6}) + kAlpn + kIpv4Hint + kIpv6Hint,
       kService + kAlpn},
      {"an alias", U16(0) + N("pool.example.net"), U16(0) + N("pool.example.net")},
      {"an alias with parameters", U16(0) + N("pool.example.net") + kIpv4Hint + kOther,
       U16(0) + N("pool.example.net")},
      {"the root as target", U16(1) + N("") + kIpv4Hint, U16(1) + N("")},
      {"the last key", kService + Param(65535, ""), kService + Param(65535, "")},
  };
  for (const auto& row : rows) {
    const auto kept = WithoutHints(row.rdata);
    ASSERT_TRUE(kept.has_value()) << row.story;
    EXPECT_EQ(*kept, row.kept) << row.story;
  }
}

TEST(ServiceBindingTest, SomeHintsAndTheEchKeysAreRemoved) {
  const std::string two = V4(192, 0, 2, 1) + V4(192, 0, 2, 2);
  const struct {
    const char* story;
    std::string rdata;
    std::string kept;
  } rows[] = {
      {"one of two", kService + kAlpn + Param(4, two), kService + kAlpn + Param(4, two.substr(4))},
      {"one family of two", kService + kIpv4Hint + kIpv6Hint,
       kService + Param(4, V4(192, 0, 2, 2))},
      {"the key stays mandatory", kService + Keys({1, 4, 6}) + kAlpn + kIpv4Hint + kIpv6Hint,
       kService + Keys({1, 4}) + kAlpn + Param(4, V4(192, 0, 2, 2))},
      {"the ECH keys", kService + kAlpn + kEch + kOther, kService + kAlpn + kOther},
      {"mandatory ECH keys", kService + Keys({1, 5}) + kAlpn + kEch, kService + Keys({1}) + kAlpn},
      {"mandatory ECH keys alone", kService + Keys({5}) + kEch, kService},
  };
  const auto even = [](const Address& hint) { return hint == *Address::Parse("192.0.2.2"); };
  for (const auto& row : rows) {
    EXPECT_EQ(Filtered(row.rdata, even, BindingTerms::Ech::kStrip), row.kept) << row.story;
  }
  EXPECT_EQ(Filtered(kService + kEch, even, BindingTerms::Ech::kKeep), kService + kEch);
}

TEST(ServiceBindingTest, NoHintIsAskedAboutInVain) {
  std::vector<std::string> asked;
  const auto note = [&asked](const Address& hint) {
    asked.push_back(hint.Text());
    return true;
  };
  EXPECT_FALSE(Filtered(kService + kIpv4Hint + Param(6, "1"), note, BindingTerms::Ech::kKeep));
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(Filtered(kService + kIpv4Hint + kIpv6Hint, note, BindingTerms::Ech::kKeep));
  EXPECT_EQ(asked, (std::vector<std::string>{"192.0.2.1", "192.0.2.2", "::"}));
}

TEST(ServiceBindingTest, MalformedOnesAreDropped) {
  const struct {
    const char* story;
    std::string rdata;
  } rows[] = {
      {"nothing", ""},
      {"half a priority", Zeros(1)},
      {"no target", U16(1)},
      {"half a target", U16(1) + "\4poo"},
      {"a compressed target", U16(1) + Pointer(12)},
      {"half a key", kService + Zeros(1)},
      {"a key without length", kService + U16(3)},
      {"a value beyond the end", kService + U16(3) + U16(2) + "x"},
      {"an octet behind", kService + kPort + "!"},
      {"keys out of order", kService + kPort + kAlpn},
      {"a key twice", kService + kPort + kPort},
      {"mandatory that is empty", kService + Param(0, "")},
      {"mandatory of half a key", kService + Param(0, Zeros(1)) + kAlpn},
      {"mandatory of one key and a half", kService + Param(0, U16(1) + "x") + kAlpn},
      {"mandatory that lists itself", kService + Keys({0, 1}) + kAlpn},
      {"mandatory that lists a key twice", kService + Keys({1, 1}) + kAlpn},
      {"mandatory out of order", kService + Keys({3, 1}) + kAlpn + kPort},
      {"mandatory that lists a missing key", kService + Keys({1, 3}) + kAlpn},
      {"mandatory that lists a missing hint", kService + Keys({4}) + kAlpn},
      {"alpn that is empty", kService + Param(1, "")},
      {"alpn with an empty name", kService + Param(1, Zeros(1))},
      {"alpn with a name beyond the end", kService + Param(1, "\3h2")},
      {"no-default-alpn with a value", kService + kAlpn + Param(2, "x")},
      {"no-default-alpn without alpn", kService + kNoDefault},
      {"port of one octet", kService + Param(3, "x")},
      {"ipv4hint that is empty", kService + Param(4, "")},
      {"ipv4hint of five octets", kService + Param(4, "12345")},
      {"ipv6hint that is empty", kService + Param(6, "")},
      {"ipv6hint of four octets", kService + Param(6, "1234")},
      {"an alias with broken parameters", U16(0) + N("a") + kPort + kPort},
  };
  for (const auto& row : rows) {
    EXPECT_FALSE(WithoutHints(row.rdata).has_value()) << row.story;
  }
}

TEST(ServiceBindingTest, EveryCutInsideAFieldIsDropped) {
  const std::string whole = kService + kPort + kOther;
  for (size_t octets = 0; octets < whole.size(); ++octets) {
    const bool between = octets == kService.size() || octets == (kService + kPort).size();
    EXPECT_EQ(WithoutHints(whole.substr(0, octets)).has_value(), between) << octets;
  }
}

TEST(ServiceBindingTest, ThousandsOfKeysCostNoMoreThanTheirOctets) {
  std::string keys;
  std::string parameters;
  for (size_t key = 1000; key < 11000; ++key) {
    keys += U16(key);
    parameters += Param(key, "");
  }
  const std::string rdata = kService + Param(0, keys) + parameters;
  std::optional<std::string> kept;
  EXPECT_LT(CpuMilliseconds([&] { kept = WithoutHints(rdata); }), kMessageMillisecondsMax);
  EXPECT_EQ(kept, rdata);
}

TEST(ServiceBindingTest, PartsAreTold) {
  const std::string rdata = kService + kPort + kOther;
  const auto binding = ReadServiceBinding(Octets(rdata));
  ASSERT_TRUE(binding.has_value());
  EXPECT_EQ(binding->priority, 1);
  EXPECT_EQ(Name::FromWire(binding->target), Host("pool.example.net"));
  ASSERT_EQ(binding->parameters.size(), 2U);
  EXPECT_EQ(binding->parameters[1].key, 667);
  EXPECT_EQ(binding->parameters[1].value.size(), 5U);
}

}  // namespace
}  // namespace dnspin
