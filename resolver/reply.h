#pragma once
// Knows: how what we say is encoded: replies to clients and questions to upstreams. Every byte that
// leaves is made here, from values that were judged. Touches nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/answer.h"
#include "resolver/question.h"

namespace dnspin {

struct Reply {
  uint8_t rcode = dns::kNoError;
  std::vector<Record> answer = {};
  std::vector<Record> authority = {};
  // RFC 8914 code, told with a fixed text of ours where the client sent OPT.
  std::optional<uint16_t> ede = {};
  bool truncated = false;  // TC=1 with empty sections, whatever it says: ask again by TCP
  bool operator==(const Reply&) const = default;
};

// QR=1, AA=0, RA=1, AD=0; ID, RD, CD and the question's spelling are the client's. Owner names are
// compressed. If it is longer than `octets_max`: TC=1 with empty sections.
std::string EncodeReply(const Question& question, const Reply& reply, size_t octets_max);

// A question to an upstream: RD=1, EDNS(0) with 1232 octets, DO and CD as given, no other option.
// `edns` is false for a server that takes EDNS for a format error.
std::string EncodeUpstreamQuestion(uint16_t id, std::string_view asked_wire, uint16_t type,
                                   bool dnssec_ok, bool checking_disabled, bool edns = true);

}  // namespace dnspin
