#pragma once
// Knows: what is asked of an upstream, and how that can end. Two questions of one client with equal
// inquiries share one answer. Touches nothing.

#include <compare>
#include <cstdint>
#include <utility>
#include <variant>

#include "pinning/answer.h"
#include "pinning/name.h"

namespace dnspin {

struct Inquiry {
  Name asked;
  uint16_t type = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;

  auto operator<=>(const Inquiry&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Inquiry& inquiry) {
    return H::combine(std::move(h), inquiry.asked, inquiry.type, inquiry.dnssec_ok,
                      inquiry.checking_disabled);
  }
};

enum class UpstreamFailure : uint8_t {
  kSilence,  // nobody answered in time: EDE 22
  kNetwork,  // the network refused: EDE 23
  kInvalid,  // what came back cannot be read: EDE 24
};

using UpstreamResult = std::variant<Answer, UpstreamFailure>;

}  // namespace dnspin
