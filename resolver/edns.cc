#include "resolver/edns.h"

#include <string_view>

#include "pinning/answer.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr uint16_t kExtendedError = 15;  // the option's code
constexpr uint32_t kDnssecOk = 0x8000;   // in the lower half of the TTL

std::string_view ErrorText(uint16_t ede) {
  switch (ede) {
    case dns::kEdeNotReady:
      return "firewall not ready";
    case dns::kEdeBlocked:
      return "blocked by rule";
    case dns::kEdeFiltered:
      return "forbidden address";
    case dns::kEdeProhibited:
      return "not allowed by rule";
    case dns::kEdeNotSupported:
      return "not supported";
    case dns::kEdeNoReachableAuthority:
      return "no upstream answers";
    case dns::kEdeNetworkError:
      return "upstream failed";
    case dns::kEdeInvalidData:
      return "invalid upstream answer";
    default:
      return "";
  }
}

}  // namespace

std::optional<Opt> ReadOpt(uint16_t klass, uint32_t ttl, std::span<const uint8_t> rdata) {
  Opt opt;
  opt.udp_octets = klass;
  opt.extended_rcode = static_cast<uint8_t>(ttl >> 24);
  opt.version = static_cast<uint8_t>(ttl >> 16);
  opt.dnssec_ok = (ttl & kDnssecOk) != 0;
  OctetReader options(rdata);
  while (opt.version == 0 && options.left() != 0) {
    options.U16();
    options.Take(options.U16());
  }
  return options.ok() ? std::optional(opt) : std::nullopt;
}

std::string EncodeOpt(const Opt& opt, std::optional<uint16_t> ede) {
  std::string options;
  if (ede) {
    const std::string_view text = ErrorText(*ede);
    AppendU16(options, kExtendedError);
    AppendU16(options, 2 + text.size());
    AppendU16(options, *ede);
    options += text;
  }
  std::string out(1, '\0');  // the owner is the root
  AppendU16(out, dns::kOpt);
  AppendU16(out, opt.udp_octets);
  out += static_cast<char>(opt.extended_rcode);
  out += static_cast<char>(opt.version);
  AppendU16(out, opt.dnssec_ok ? kDnssecOk : 0);
  AppendU16(out, options.size());
  return out + options;
}

}  // namespace dnspin
