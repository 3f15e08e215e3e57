#pragma once
// Knows: records as tables of stories write them. It trusts its reader: what is wrong is a bug of
// the table. Touches nothing.

#include <string>
#include <utility>
#include <vector>

#include "pinning/address.h"
#include "pinning/answer.h"

namespace dnspin::terse {

inline Name N(const std::string& host) { return *Name::FromHost(host); }

inline std::string Octets(const std::string& address) {
  const Address parsed = *Address::Parse(address);
  return {parsed.bytes().begin(), parsed.bytes().end()};
}

inline Record Of(const std::string& owner, uint16_t type, std::string rdata, uint32_t ttl = 60) {
  return {N(owner), type, dns::kIn, ttl, std::move(rdata)};
}
inline Record A(const std::string& owner, const std::string& address, uint32_t ttl = 60) {
  return Of(owner, dns::kA, Octets(address), ttl);
}
inline Record Aaaa(const std::string& owner, const std::string& address, uint32_t ttl = 60) {
  return Of(owner, dns::kAaaa, Octets(address), ttl);
}
inline Record Cname(const std::string& owner, const std::string& target, uint32_t ttl = 60) {
  return Of(owner, dns::kCname, std::string(N(target).Wire()), ttl);
}
inline Record Dname(const std::string& owner, const std::string& target, uint32_t ttl = 60) {
  return Of(owner, dns::kDname, std::string(N(target).Wire()), ttl);
}
inline Record Chaos(Record record) {
  record.klass = dns::kChaos;
  return record;
}

// An answer to the question for www.site.test.
inline Answer AnswerOf(uint16_t type, std::vector<Record> records) {
  Answer answer;
  answer.asked = N("www.site.test");
  answer.type = type;
  answer.answer = std::move(records);
  return answer;
}

}  // namespace dnspin::terse
