#include "pinning/special_address.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace dnspin {
namespace {

std::vector<Prefix> Prefixes(std::initializer_list<std::string_view> texts) {
  std::vector<Prefix> prefixes;
  for (const std::string_view text : texts) {
    prefixes.push_back(*Prefix::Parse(text));
  }
  return prefixes;
}

bool IsAmong(const std::vector<Prefix>& prefixes, const Address& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.Contains(address); });
}

// Under 64:ff9b:1::/48 every operator chooses a prefix length, and with it where the IPv4 address
// stands, around an octet that is zero (RFC 6052 2.2, RFC 8215). All of these places count, except
// that a first octet of zero there is part of a longer prefix.
std::vector<Address> InLocalNat64(std::span<const uint8_t> bytes) {
  constexpr std::array<std::array<size_t, 4>, 3> kPlaces = {
      {{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}}};
  std::vector<Address> inner = {*Address::FromBytes(bytes.subspan(12, 4))};
  for (const auto& place : kPlaces) {
    const std::array<uint8_t, 4> octets = {bytes[place[0]], bytes[place[1]], bytes[place[2]],
                                           bytes[place[3]]};
    if (octets[0] != 0) {
      inner.push_back(*Address::FromBytes(octets));
    }
  }
  return inner;
}

// The IPv4 addresses that an IPv6 address carries: mapped, compatible, translated (RFC 2765), NAT64
// (both prefixes), 6to4, Teredo (server, and client in ones' complement).
std::vector<Address> Embedded(const Address& address) {
  if (address.family() == Family::kIpv4) {
    return {};
  }
  static const std::vector<Prefix> kLowBits =
      Prefixes({"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"});
  static const Prefix kLocalNat64 = *Prefix::Parse("64:ff9b:1::/48");
  static const Prefix k6to4 = *Prefix::Parse("2002::/16");
  static const Prefix kTeredo = *Prefix::Parse("2001::/32");
  const auto bytes = address.bytes();
  const auto at = [&](size_t offset) { return *Address::FromBytes(bytes.subspan(offset, 4)); };
  if (IsAmong(kLowBits, address)) {
    return {at(12)};
  }
  if (kLocalNat64.Contains(address)) {
    return InLocalNat64(bytes);
  }
  if (k6to4.Contains(address)) {
    return {at(2)};
  }
  if (kTeredo.Contains(address)) {
    std::array<uint8_t, 4> client{};
    std::transform(bytes.begin() + 12, bytes.end(), client.begin(),
                   [](uint8_t octet) { return static_cast<uint8_t>(~octet); });
    return {at(4), *Address::FromBytes(client)};
  }
  return {};
}

const std::vector<Prefix>& Private() {
  static const std::vector<Prefix> kPrivate =
      Prefixes({"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"});
  return kPrivate;
}

// A host never puts a mapped or compatible address on the wire, so no pin could make one reachable.
const std::vector<Prefix>& Never() {
  static const std::vector<Prefix> kNever =
      Prefixes({"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/96",
                "::ffff:0:0/96", "fe80::/10", "fec0::/10", "ff00::/8"});
  return kNever;
}

}  // namespace

AddressKind KindOf(const Address& address) {
  if (IsAmong(Never(), address)) {
    return AddressKind::kNever;
  }
  if (IsAmong(Private(), address)) {
    return AddressKind::kPrivate;
  }
  const auto embedded = Embedded(address);
  const bool hides = std::any_of(embedded.begin(), embedded.end(), [](const Address& inner) {
    return KindOf(inner) != AddressKind::kOrdinary;
  });
  return hides ? AddressKind::kNever : AddressKind::kOrdinary;
}

bool HasSpecial(const Prefix& network) {
  static const std::vector<Prefix> kEmbedding =
      Prefixes({"::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"});
  const auto meets = [&](const std::vector<Prefix>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& prefix) {
      return prefix.Contains(network.address) || network.Contains(prefix.address);
    });
  };
  return meets(Never()) || meets(Private()) || meets(kEmbedding);
}

bool IsOwn(const Address& address, const std::vector<Address>& own) {
  if (std::binary_search(own.begin(), own.end(), address)) {
    return true;
  }
  const auto embedded = Embedded(address);
  return std::any_of(embedded.begin(), embedded.end(),
                     [&](const Address& inner) { return IsOwn(inner, own); });
}

}  // namespace dnspin
