#include "resolver/special_name.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "pinning/check.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr uint32_t kTtl = 300;
constexpr uint16_t kHinfo = 13;

std::vector<Name> Names(std::initializer_list<std::string_view> texts) {
  std::vector<Name> names;
  for (const std::string_view text : texts) {
    const auto name = Name::FromHost(text);
    DNSPIN_CHECK(name);
    names.push_back(*name);
  }
  return names;
}

// The apex of the one of `zones` that `name` is in.
const Name* ZoneOf(const std::vector<Name>& zones, const Name& name) {
  const auto zone = std::find_if(zones.begin(), zones.end(),
                                 [&](const Name& apex) { return name.IsWithin(apex); });
  return zone == zones.end() ? nullptr : &*zone;
}

// Reverse zones of private, loopback and link-local addresses. Those of documentation networks are
// not here: they are ordinary addresses to us.
std::vector<Name> ReverseZones() {
  std::vector<Name> zones =
      Names({"0.in-addr.arpa", "10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa",
             "168.192.in-addr.arpa", "255.255.255.255.in-addr.arpa", "d.f.ip6.arpa", "c.f.ip6.arpa",
             "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa"});
  const auto add = [&zones](const std::string& text) { zones.push_back(*Name::FromHost(text)); };
  for (int second = 16; second < 32; ++second) {
    add(std::to_string(second) + ".172.in-addr.arpa");
  }
  for (int second = 64; second < 128; ++second) {
    add(std::to_string(second) + ".100.in-addr.arpa");
  }
  std::string zeros = "ip6.arpa";
  for (int nibble = 0; nibble < 31; ++nibble) {
    zeros.insert(0, "0.");
  }
  add("0." + zeros);
  add("1." + zeros);
  return zones;
}

Reply Nothing(uint8_t rcode, const Name& apex) {
  Reply reply;
  reply.rcode = rcode;
  reply.authority.push_back(LocalSoa(apex, kTtl));
  return reply;
}

Reply LocalhostReply(const Name& asked, uint16_t type, const Name& apex) {
  if (type != dns::kA && type != dns::kAaaa) {
    return Nothing(dns::kNoError, apex);
  }
  Record record{.owner = asked, .type = type, .ttl = kTtl, .rdata = std::string("\x7f\0\0\1", 4)};
  if (type == dns::kAaaa) {
    record.rdata = std::string(15, '\0') + '\1';
  }
  Reply reply;
  reply.answer.push_back(std::move(record));
  return reply;
}

}  // namespace

Record LocalSoa(const Name& owner, uint32_t ttl) {
  std::string rdata(owner.Wire());                       // MNAME
  rdata += std::string_view("\6nobody\7invalid\0", 16);  // RNAME
  for (const uint32_t field : {1U, 3600U, 1200U, 604800U, ttl}) {
    AppendU32(rdata, field);  // serial, refresh, retry, expire, minimum
  }
  return {.owner = owner, .type = dns::kSoa, .ttl = ttl, .rdata = rdata};
}

std::optional<Reply> CanaryReply(const Name& asked) {
  static const std::vector<Name> kAbsent =
      Names({"use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"});
  static const std::vector<Name> kEmpty = Names({"resolver.arpa"});
  if (std::find(kAbsent.begin(), kAbsent.end(), asked) != kAbsent.end()) {
    return Nothing(dns::kNxDomain, asked);
  }
  if (const Name* const apex = ZoneOf(kEmpty, asked)) {
    return Nothing(dns::kNoError, *apex);
  }
  return std::nullopt;
}

std::optional<Reply> LocalReply(const Name& asked, uint16_t type) {
  static const std::vector<Name> kLocalhost = Names({"localhost"});
  static const std::vector<Name> kAbsent = Names({"invalid", "onion", "alt", "local"});
  static const std::vector<Name> kHome = Names({"home.arpa"});
  static const Name kArpa = *Name::FromHost("arpa");
  static const std::vector<Name> kReverse = ReverseZones();
  if (const Name* const apex = ZoneOf(kLocalhost, asked)) {
    return LocalhostReply(asked, type, *apex);
  }
  if (const Name* const apex = ZoneOf(kAbsent, asked)) {
    return Nothing(dns::kNxDomain, *apex);
  }
  if (!asked.IsWithin(kArpa)) {
    return std::nullopt;
  }
  for (const auto* zones : {&kHome, &kReverse}) {
    if (const Name* const apex = ZoneOf(*zones, asked)) {
      return Nothing(asked == *apex ? dns::kNoError : dns::kNxDomain, *apex);
    }
  }
  return std::nullopt;
}

Reply NodataReply(const Name& asked) { return Nothing(dns::kNoError, asked); }

Reply AnyReply(const Name& asked) {
  Reply reply;
  reply.answer.push_back(
      {.owner = asked, .type = kHinfo, .ttl = kTtl, .rdata = std::string("\7RFC8482\0", 9)});
  return reply;
}

}  // namespace dnspin
