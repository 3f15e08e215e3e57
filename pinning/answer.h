#pragma once
// Knows: what an answer says, as values. Made by resolver/wire.h from bytes that passed the
// pre-validator; names are uncompressed everywhere.

#include <cstdint>
#include <string>
#include <vector>

#include "pinning/name.h"
#include "pinning/shared_text.h"

namespace dnspin {

// Resource record types and classes that the code names (IANA "DNS Parameters").
namespace dns {
inline constexpr uint16_t kA = 1, kNs = 2, kCname = 5, kSoa = 6, kPtr = 12, kMx = 15, kTxt = 16,
                          kAaaa = 28, kSrv = 33, kDname = 39, kOpt = 41, kDs = 43, kRrsig = 46,
                          kNsec = 47, kDnskey = 48, kNsec3 = 50, kSvcb = 64, kHttps = 65,
                          kTsig = 250, kIxfr = 251, kAxfr = 252, kAny = 255;
inline constexpr uint16_t kIn = 1, kChaos = 3;
inline constexpr uint8_t kNoError = 0, kFormErr = 1, kServFail = 2, kNxDomain = 3, kNotImp = 4,
                         kRefused = 5;
// RFC 8914, extended DNS errors.
inline constexpr uint16_t kEdeNotReady = 14, kEdeBlocked = 15, kEdeFiltered = 17,
                          kEdeProhibited = 18, kEdeNotSupported = 21, kEdeNoReachableAuthority = 22,
                          kEdeNetworkError = 23, kEdeInvalidData = 24, kEdeOther = 0;

constexpr bool IsServiceBinding(uint16_t type) { return type == kSvcb || type == kHttps; }
}  // namespace dns

struct Record {
  Name owner;
  uint16_t type = 0;
  uint16_t klass = dns::kIn;
  uint32_t ttl = 0;  // as received; LowerTtl() reads it
  SharedText rdata;  // wire form, names in it uncompressed
  auto operator<=>(const Record&) const = default;
};

struct Answer {
  uint8_t rcode = dns::kNoError;
  Name asked;
  uint16_t type = 0;
  std::vector<Record> answer;
  std::vector<Record> authority;
  bool operator==(const Answer&) const = default;
};

// RFC 2181 8: a TTL with its top bit set is 0.
constexpr uint32_t LowerTtl(uint32_t ttl) { return (ttl & 0x80000000U) != 0 ? 0 : ttl; }

}  // namespace dnspin
