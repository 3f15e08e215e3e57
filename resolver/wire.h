#pragma once
// Knows: what an upstream's bytes say. The one door to ldns, behind a strict pre-validator of our
// own (hardening.md 1c: Debian's ldns 1.8.3 misreads RDLENGTH). Touches nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinning/answer.h"

namespace dnspin {

// What is compared before anything else of a reply is believed.
struct ReplyHeader {
  uint16_t id = 0;
  bool truncated = false;
  std::string asked_wire;  // the question as it came back, case kept
  uint16_t type = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
};

// Nothing unless it is a reply (QR=1, opcode 0) with exactly one question, of class IN, spelled
// without compression.
std::optional<ReplyHeader> ReadReplyHeader(std::span<const uint8_t> message);

// OK if every byte of the message is accounted for (R-c1). Says what is wrong otherwise.
absl::Status CheckAnswer(std::span<const uint8_t> message);

// CheckAnswer, then ldns, then values: answer and authority section, TTLs with their top bit set
// lowered to 0, extended RCODE merged (one over 15 is an error), additional section forgotten.
absl::StatusOr<Answer> ReadAnswer(std::span<const uint8_t> message);

// The same of an answer that is on its way to somebody else, with what it tells of who asked.
struct PassingAnswer {
  Answer answer;
  bool edns = false;
  bool dnssec_ok = false;
  bool beside = false;  // it says more than that: other records, options, AD, a TTL out of range
};
absl::StatusOr<PassingAnswer> ReadPassingAnswer(std::span<const uint8_t> message);

}  // namespace dnspin
