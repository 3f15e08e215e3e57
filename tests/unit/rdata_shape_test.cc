#include "resolver/rdata_shape.h"

#include <gtest/gtest.h>

#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using namespace bytes;  // NOLINT: the vocabulary of these tables

absl::Status Check(const Message& message) { return CheckAnswer(Octets(message.Wire())); }

const std::string kGood = ARecord(kToQuestion, 1, V4(192, 0, 2, 1));
const std::string kHidden = ARecord(kToQuestion, 1, V4(66, 66, 66, 66));

struct Sample {  // NOLINT(clang-analyzer-optin.performance.Padding): rows read in this order
  const char* story;
  uint16_t type;
  std::string rdata;
  bool open = false;  // its last field takes whatever is there
};

const std::string kName = N("a.Example.net");
const std::string kBitmap = O(0) + O(2) + O(0x40) + O(1) + O(1) + O(1) + O(0x80);
const std::string kSignature = U16(1) + O(8) + O(3) + U32(60) + U32(1) + U32(2) + U16(77) + kName;
const std::string kParams = U16(1) + U16(3) + "\2h3" + U16(4) + U16(4) + V4(192, 0, 2, 1);

const Sample kSamples[] = {
    {"A", 1, V4(192, 0, 2, 1)},
    {"NS", 2, kName},
    {"MD", 3, kName},
    {"MF", 4, kName},
    {"CNAME", 5, kName},
    {"SOA", 6, kName + N("root") + U32(1) + U32(2) + U32(3) + U32(4) + U32(5)},
    {"MB", 7, kName},
    {"MG", 8, kName},
    {"MR", 9, kName},
    {"NULL", 10, "anything", true},
    {"WKS", 11, V4(192, 0, 2, 1) + "\6ab", true},
    {"PTR", 12, kName},
    {"HINFO", 13, S("RFC8482") + S("")},
    {"MINFO", 14, kName + kName},
    {"MX", 15, U16(10) + kName},
    {"TXT", 16, S("one") + S("") + S("three"), true},
    {"RP", 17, kName + N("")},
    {"AFSDB", 18, U16(1) + kName},
    {"X25", 19, S("311061700956")},
    {"ISDN", 20, S("150862028003217") + S("004")},
    {"RT", 21, U16(1) + kName},
    {"NSAP", 22, "\x47", true},
    {"SIG", 24, kSignature + "sig", true},
    {"KEY", 25, Zeros(4) + "key", true},
    {"PX", 26, U16(1) + kName + kName},
    {"GPOS", 27, S("-32.6882") + S("116.8652") + S("10.0")},
    {"AAAA", 28, Zeros(15) + O(1)},
    {"LOC", 29, Zeros(16), true},
    {"NXT", 30, kName + "bits", true},
    {"SRV", 33, U16(1) + U16(2) + U16(443) + kName},
    {"NAPTR", 35, U16(1) + U16(2) + S("u") + S("E2U") + S("!") + kName},
    {"KX", 36, U16(1) + kName},
    {"CERT", 37, U16(1) + U16(2) + O(3) + "cert", true},
    {"DNAME", 39, kName},
    {"APL", 42, Zeros(4), true},
    {"DS", 43, Zeros(4) + "digest", true},
    {"SSHFP", 44, Zeros(2) + "print", true},
    {"IPSECKEY", 45, Zeros(3) + "key", true},
    {"RRSIG", 46, kSignature + "sig", true},
    {"NSEC", 47, kName + kBitmap},
    {"DNSKEY", 48, Zeros(4) + "key", true},
    {"DHCID", 49, "id", true},
    {"NSEC3", 50, O(1) + O(0) + U16(5) + S("salt") + S("hash") + kBitmap},
    {"NSEC3PARAM", 51, O(1) + O(0) + U16(5) + S("")},
    {"TLSA", 52, Zeros(3) + "cert", true},
    {"SMIMEA", 53, Zeros(3) + "cert", true},
    {"HIP", 55, O(2) + O(2) + U16(3) + "abcde" + kName + N("b"), true},
    {"TALINK", 58, kName + kName},
    {"CDS", 59, Zeros(4) + "digest", true},
    {"CDNSKEY", 60, Zeros(4) + "key", true},
    {"OPENPGPKEY", 61, "key", true},
    {"CSYNC", 62, U32(1) + U16(3) + kBitmap},
    {"ZONEMD", 63, U32(1) + Zeros(2) + "digest", true},
    {"SVCB", 64, U16(1) + kName + kParams},
    {"HTTPS", 65, U16(0) + kName},
    {"DSYNC", 66, U16(59) + O(1) + U16(53) + kName},
    {"SPF", 99, S("v=spf1"), true},
    {"NID", 104, Zeros(10)},
    {"L32", 105, Zeros(6)},
    {"L64", 106, Zeros(10)},
    {"LP", 107, U16(1) + kName},
    {"EUI48", 108, Zeros(6)},
    {"EUI64", 109, Zeros(8)},
    {"URI", 256, Zeros(4) + "https://a/", true},
    {"CAA", 257, O(0) + S("issue") + "ca.example", true},
    {"TA", 32768, Zeros(4) + "digest", true},
    {"DLV", 32769, Zeros(4) + "digest", true},
    {"TYPE666", 666, "\300\14 is no pointer here", true},
    {"TYPE65535", 65535, "", true},
};

TEST(RdataShapeTest, KnownTypesEndWhereTheirFieldsDo) {
  for (const Sample& sample : kSamples) {
    SCOPED_TRACE(sample.story);
    const auto check = [&](const std::string& rdata) {
      return Check({.answer = {ARecord(kToQuestion, sample.type, rdata), kGood}});
    };
    EXPECT_TRUE(check(sample.rdata).ok()) << check(sample.rdata);
    if (sample.open) {
      continue;
    }
    EXPECT_FALSE(check(sample.rdata + O(0)).ok()) << "an octet more";
    EXPECT_FALSE(check(sample.rdata + kHidden).ok()) << "a record more";
    EXPECT_FALSE(check(sample.rdata.substr(0, sample.rdata.size() - 1)).ok()) << "an octet less";
    EXPECT_FALSE(check("").ok()) << "nothing";
  }
}

TEST(RdataShapeTest, KnownTypesAreReadAsTheyAre) {
  for (const Sample& sample : kSamples) {
    SCOPED_TRACE(sample.story);
    const Message message{.answer = {ARecord(kToQuestion, sample.type, sample.rdata), kGood}};
    const auto answer = ReadAnswer(Octets(message.Wire()));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->answer[0].rdata, sample.rdata);
    EXPECT_EQ(answer->answer[0].type, sample.type);
    EXPECT_EQ(answer->answer[1].rdata, V4(192, 0, 2, 1));
  }
}

TEST(RdataShapeTest, EveryCutIsRefused) {
  Message message;
  for (const Sample& sample : kSamples) {
    message.answer.push_back(ARecord(kToQuestion, sample.type, sample.rdata));
  }
  message.authority = {ARecord(Pointer(16), 2, "\2ns" + Pointer(16))};
  message.additional = {Opt(U16(10) + U16(8) + "8octets!", 0x8000)};
  const std::string whole = message.Wire();
  ASSERT_TRUE(CheckAnswer(Octets(whole)).ok());
  for (size_t octets = 0; octets < whole.size(); ++octets) {
    EXPECT_FALSE(CheckAnswer(Octets(whole.substr(0, octets))).ok()) << octets;
  }
}

TEST(RdataShapeTest, NamesAreMeasuredWhole) {
  const std::string head = Message{}.Wire();
  const auto measure = [&](uint16_t type, const std::string& rdata) {
    return MeasureRdata(Octets(head + rdata), head.size(), type);
  };
  const auto soa = measure(6, Pointer(12) + "\4root" + Pointer(24) + Zeros(20));
  ASSERT_TRUE(soa.has_value());
  EXPECT_EQ(soa->plain_octets, N("www.example.com").size() + N("root.com").size() + 20);
  EXPECT_TRUE(soa->names);
  const auto text = measure(16, S("a") + S("") + S("b"));
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->strings, 3U);
  EXPECT_EQ(text->plain_octets, 5U);
  EXPECT_FALSE(text->names);
  EXPECT_FALSE(measure(107, U16(1) + Pointer(12)).has_value()) << "LP may not be compressed";
}

}  // namespace
}  // namespace dnspin
