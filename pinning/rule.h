#pragma once
// Knows: one firewall rule as Qubes OS writes them (qvm-firewall(1); Qubes vm-interface, "Firewall
// rules in 4.x"). Touches nothing.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pinning/address.h"
#include "pinning/host_pattern.h"
#include "pinning/network_list.h"

namespace dnspin {

enum class Action : uint8_t { kAccept, kDrop };
enum class Protocol : uint8_t { kAny, kTcp, kUdp, kIcmp };

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;  // inclusive
  auto operator<=>(const PortRange&) const = default;
};

// The protocol and ports of a rule: what of the destination it is about.
struct Service {
  Protocol protocol = Protocol::kAny;
  std::optional<PortRange> ports;    // with tcp or udp only
  std::optional<uint8_t> icmp_type;  // with icmp only
  auto operator<=>(const Service&) const = default;
};

// Where a rule was written.
struct Origin {
  std::shared_ptr<const std::string> file;  // of all of its rules; null: nowhere
  size_t line = 0;                          // from 1; 0: the file is but this rule

  std::string Text() const;  // "clients.d/work:3"
};

struct Rule {
  Action action = Action::kDrop;
  bool dns_target = false;  // specialtarget=dns
  bool prefetch = false;    // an exact name that it accepts is resolved unasked; not compared
  Service service;
  std::optional<Prefix> destination;
  std::optional<HostPattern> host;
  // Of an accept: what a file of addresses says; without its content where only the rule matters.
  // Host, destination and this exclude each other.
  std::shared_ptr<const NetworkList> networks;
  std::optional<int64_t> expire;  // UNIX time; ended at that second
  std::string comment;
  Origin origin;  // not compared

  // Canonical `key=value` text in Qubes' own order; without comment, expire and origin. Behind
  // `addresses-file PATH` if it has networks, which Qubes does not know.
  std::string Text() const;

  bool SpellsAddresses() const { return destination.has_value() || networks != nullptr; }
  // True of an address that it spells, and of any if it spells none.
  bool Covers(const Address& address) const;

  // A drop of a host and nothing else, or of it in DNS alone: it refuses in DNS.
  bool RefusesNames() const;
  // An accept of a host whose answers are pinned.
  bool PinsNames() const { return action == Action::kAccept && host.has_value() && !dns_target; }
  // A drop of an exact name: its addresses are resolved into a set. Until they are known the chain
  // ends here, closed (pinning/drop_names.h).
  bool DropsAddresses() const;

  bool operator==(const Rule& other) const;
};

}  // namespace dnspin
