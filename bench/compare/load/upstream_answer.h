#pragma once
// Knows: what every name below pin.example is answered. Touches: nothing.
//
//   NAME.hot       an address, TTL 300
//   uHEX.u         one that no other HEX modulo 2^22 has, TTL 300
//   NAME.rr        8 addresses that rotate, TTL 5
//   NAME.cn        three CNAMEs, then an address, TTL 300
//   NAME.z         1-4 addresses, 0-2 CNAMEs, TTL 20..3600, by hash
//   nN-TAG.race    10.137.128.0 + N % 32000, where somebody answers, TTL 300
//   tTTL-N.t       the same with that TTL
//
// HTTPS: a record for every other name; other types: NODATA. Addresses of others than `race` and
// `t` are of 10.64.0.0/10, where no packet is ever sent.

#include <cstddef>
#include <cstdint>

namespace dnspin::bench {

// In place; there must be room for kAnswerOctets. 0: not a question.
constexpr size_t kAnswerOctets = 1232;
size_t Answer(uint8_t* message, size_t octets);

}  // namespace dnspin::bench
