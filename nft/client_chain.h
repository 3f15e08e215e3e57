#pragma once
// Knows: how the rules of one client read as an nft chain, and what its chains and sets are called
// (design.md 5). Pure text.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nft/command_text.h"
#include "pinning/address.h"
#include "pinning/pin_group.h"
#include "pinning/policy.h"
#include "pinning/rule_list.h"

namespace dnspin {

struct ClientRules {
  std::vector<Address> addresses;  // the first of each family names the sets of that family
  RuleList rules;
  std::vector<PinGroup> groups;       // GroupsOf(rules, ...)
  uint32_t set_size = 0;              // of each pin set: so large that it is never full
  std::string digest{};               // DigestText(); empty: the chain does not say it
  uint32_t closed_from = UINT32_MAX;  // Policy::closed_from
  std::vector<DropElement> drops{};   // what the sets of drop rules hold
  uint16_t queue = 0;                 // where answers to it wait; 0: they do not
  bool logged = true;                 // what its rules refuse, by rules of their own
  bool operator==(const ClientRules&) const = default;
};

// TCP and UDP, by number as the first part of a match.
inline constexpr std::string_view kBothTransports = "meta l4proto { 6, 17 }";

// `10-137-0-25`, `fd09-24ef-4179--a89-19`.
std::string AddressLabel(const Address& address);

std::string ChainName(const Address& client);                   // `qbs-10-137-0-25`
std::string HoldChainName(const Address& client);               // `qbs-hold-10-137-0-25`
std::string PinSetName(const Address& first, uint32_t group);   // `pin-10-137-0-25-1`
std::string DropSetName(const Address& first, uint32_t group);  // `drop-10-137-0-25-2`
std::optional<Address> FirstAddress(std::span<const Address> addresses, Family family);

// The other way: the label and the group of a set's name.
struct PinSetParts {
  std::string label;
  uint32_t group = 0;
  bool operator==(const PinSetParts&) const = default;
};
std::optional<PinSetParts> ReadPinSetName(std::string_view name);
std::optional<PinSetParts> ReadDropSetName(std::string_view name);

// In a table of ours all chains `qbs-*` are, and those sets whose names could be a client's.
bool IsClientChain(std::string_view name);
bool IsHoldChain(std::string_view name);  // one of these, too
bool IsClientSet(std::string_view name);

// Says of two policies whether they let the same flows begin: what a restart asks to know which
// clients' flows are to be judged anew. Stands in the kernel as a comment.
std::string RulesDigest(const Policy& policy);

// What the kernel's comment says of a client: the digest of its rules, and behind which interfaces
// it is, so that another qube that gets its address is known to be another.
std::string DigestText(const std::string& digest, std::span<const std::string> interfaces);
std::vector<std::string> InterfacesOfDigest(std::string_view text);

// The names of a client's pin sets in one family, in the order of its groups.
std::vector<std::string> PinSetsOf(const ClientRules& client, Family family);

// Its drop sets by name, each with what it holds.
using DropSets = std::map<std::string, std::vector<DropElement>>;
DropSets DropSetsOf(const ClientRules& client, Family family);

// The rules of the client's chains in one family, in order; the last one rejects.
std::vector<std::string> ChainRules(const ClientRules& client, Family family);

}  // namespace dnspin
