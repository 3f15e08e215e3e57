#pragma once
// Knows: what a client's packet asks. The strict reader of our own for hostile bytes: header, one
// question, OPT; no compression pointer is ever followed. Touches nothing.

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "pinning/name.h"

namespace dnspin {

struct Question {
  uint16_t id = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  std::string asked_wire;  // as the client spelled it, case kept
  Name asked;
  uint16_t type = 0;  // class is IN
  bool edns = false;
  uint16_t udp_octets = 512;  // what the client takes over UDP: 512..1232 after clamping
  bool dnssec_ok = false;
};

// Ignored: shorter than a header, or QR=1; a reply is never answered (hardening.md R-a2).
struct IgnoredPacket {};
// Answered at once, with these bytes: FORMERR, NOTIMP, REFUSED, BADVERS (R-a3..R-a5).
struct EarlyReply {
  std::string bytes;
  uint16_t rcode = 0;
};

using QuestionResult = std::variant<Question, EarlyReply, IgnoredPacket>;

QuestionResult ReadQuestion(std::span<const uint8_t> packet);

}  // namespace dnspin
