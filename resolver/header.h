#pragma once
// Knows: the twelve octets that every DNS message begins with (RFC 1035 4.1.1). Touches nothing.

#include <cstdint>
#include <string>

#include "resolver/octets.h"

namespace dnspin {

struct Header {
  static constexpr size_t kOctets = 12;
  static constexpr uint16_t kReply = 0x8000, kOpcode = 0x7800, kTruncated = 0x0200,
                            kRecursionDesired = 0x0100, kRecursionAvailable = 0x0080,
                            kAuthentic = 0x0020, kCheckingDisabled = 0x0010, kRcode = 0x000F;

  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t questions = 0;
  uint16_t answers = 0;
  uint16_t authorities = 0;
  uint16_t additionals = 0;

  bool Has(uint16_t flag) const { return (flags & flag) != 0; }
};

inline Header ReadHeader(OctetReader& reader) {
  Header header;
  for (uint16_t* field : {&header.id, &header.flags, &header.questions, &header.answers,
                          &header.authorities, &header.additionals}) {
    *field = reader.U16();
  }
  return header;
}

inline void AppendHeader(std::string& out, const Header& header) {
  for (const uint16_t field : {header.id, header.flags, header.questions, header.answers,
                               header.authorities, header.additionals}) {
    AppendU16(out, field);
  }
}

}  // namespace dnspin
