#pragma once
// Knows: where every record of a reply lies, once every octet of it is accounted for (hardening.md
// R-c1). The strict pre-validator of our own: what it lets through, ldns reads as we do. Touches
// nothing.

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace dnspin {

struct RecordPlace {
  uint16_t type = 0;
  uint16_t klass = 0;
  uint32_t ttl = 0;
  std::span<const uint8_t> rdata;  // into the message
  size_t plain_octets = 0;         // of the RDATA, once the names in it are uncompressed
  bool names = false;              // it holds some
};

struct AnswerLayout {
  uint16_t rcode = 0;  // all twelve bits
  std::span<const uint8_t> asked;
  uint16_t type = 0;
  std::vector<RecordPlace> answer;
  std::vector<RecordPlace> authority;
  size_t additional_at = 0;  // where the additional section begins
  bool edns = false;         // it has OPT
  bool dnssec_ok = false;    // there
  bool options = false;      // in OPT
  size_t beside = 0;         // records of the additional section but for OPT
};

absl::StatusOr<AnswerLayout> LayOut(std::span<const uint8_t> message);

}  // namespace dnspin
