#include "resolver/packed_result.h"

#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Host;
using bytes::N;
using bytes::V4;

Answer AnswerTo(const Inquiry& inquiry, std::vector<Record> answer,
                std::vector<Record> authority = {}) {
  return {dns::kNoError, inquiry.asked, inquiry.type, std::move(answer), std::move(authority)};
}

TEST(PackedResultTest, ComesOutAsItWentIn) {
  const Inquiry inquiry{Host("www.example.com"), dns::kA};
  const Inquiry root{Name(), dns::kNs};
  const Name edge = Host("edge.cdn.test");
  const Record alias{inquiry.asked, dns::kCname, dns::kIn, 60, N("edge.cdn.test")};
  Answer absent = AnswerTo(
      inquiry, {},
      {{Host("com"), dns::kSoa, dns::kIn, 900, N("a.com") + N("b.a.com") + std::string(20, '\1')}});
  absent.rcode = dns::kNxDomain;
  std::vector<Record> many;
  for (uint32_t i = 0; i < 256; ++i) {
    const Name owner = Host("n" + std::to_string(i % 40) + ".example.com");
    many.push_back({owner, static_cast<uint16_t>(i * 257), static_cast<uint16_t>(i % 3),
                    i << 24 | i, std::string(i * 255, 'x')});
  }
  const struct {
    const char* what;
    Inquiry inquiry;
    UpstreamResult result;
  } rows[] = {
      {"nothing", inquiry, AnswerTo(inquiry, {})},
      {"silence", inquiry, UpstreamFailure::kSilence},
      {"invalid", inquiry, UpstreamFailure::kInvalid},
      {"absent", inquiry, absent},
      {"an alias", inquiry,
       AnswerTo(inquiry, {alias,
                          {edge, dns::kA, dns::kIn, 60, V4(192, 0, 2, 1)},
                          {edge, dns::kA, dns::kIn, 60, V4(192, 0, 2, 2)},
                          {edge, dns::kA, dns::kIn, 61, V4(192, 0, 2, 3)}})},
      {"the greatest TTL", inquiry,
       AnswerTo(inquiry, {{edge, dns::kA, dns::kChaos, 0xFFFFFFFF, V4(192, 0, 2, 1)}})},
      {"empty data", inquiry, AnswerTo(inquiry, {{edge, 65280, dns::kIn, 1, std::string()}})},
      {"the root", root,
       AnswerTo(root, {{Name(), dns::kNs, dns::kIn, 1, N("a.root.test")},
                       {Name(), dns::kNs, dns::kIn, 1, std::string(1, '\0')},
                       {edge, dns::kA, dns::kIn, 1, V4(192, 0, 2, 1)}})},
      {"the root behind others", inquiry,
       AnswerTo(inquiry, {alias,
                          {Name(), dns::kNs, dns::kIn, 1, N("a.root.test")},
                          {Host("x.cdn.test"), dns::kA, dns::kIn, 1, V4(192, 0, 2, 1)}})},
      {"many", inquiry, AnswerTo(inquiry, many, many)},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Unpack(Pack(row.result, row.inquiry), row.inquiry), row.result) << row.what;
  }
}

TEST(PackedResultTest, SaysNothingTwice) {
  const Inquiry inquiry{Host("www.example.com"), dns::kA};
  const Name edge = Host("edge.example.com");
  const Answer answer =
      AnswerTo(inquiry, {{inquiry.asked, dns::kCname, dns::kIn, 60, std::string(edge.Wire())},
                         {edge, dns::kA, dns::kIn, 60, V4(192, 0, 2, 1)},
                         {edge, dns::kA, dns::kIn, 60, V4(192, 0, 2, 2)}});
  // Per set: two for its owner, three for what its records share; "edge", and five an address.
  EXPECT_EQ(Pack(answer, inquiry).size(), 3U + 5 + (1 + 5 + 2) + 5 + 2 * 5);
}

}  // namespace
}  // namespace dnspin
