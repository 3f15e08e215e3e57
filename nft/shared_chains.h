#pragma once
// Knows: the chains that all clients share: who is filtered at all, whose sources are true, whose
// DNS questions go to a door (design.md 5), and what readers may send. Pure text.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nft/command_text.h"
#include "nft/table_view.h"
#include "pinning/address.h"

namespace dnspin {

struct RulesetTerms {
  std::string table = "dnspin";
  std::vector<std::string> interfaces;  // IsInterfacePattern(), at least one: the clients' side
  bool inbound_open = false;            // new connections towards clients are not dropped here
  bool intercept_any = false;           // else questions to `intercept` alone go to the doors
  std::vector<Address> intercept;
  bool logged = true;  // what clients' rules refuse: the kernel can do that
  bool snoop = false;  // answers of `dns_servers` are held on their way to clients
  bool snoop_fail_open = false;
  std::vector<Address> dns_servers;  // what `specialtarget=dns` stands for: set dns-addr
  uint32_t reader_uid = 0;           // never root's; what readers send is judged by it
  std::vector<Endpoint> upstreams;   // whom they may ask
  // In a netvm of Qubes OS: who may be behind client interfaces, there or not. Nothing from or to
  // them goes by any other.
  std::optional<std::vector<Address>> connected;
  bool operator==(const RulesetTerms&) const = default;
};

// The port that a client's DNS questions go to.
struct Doorway {
  Address client;
  uint16_t port = 0;
  auto operator<=>(const Doorway&) const = default;
};

// A client's address and an interface that it may come in by: where a client has several, routes
// tell of one.
struct Source {
  std::string interface;  // IsInterfaceName()
  Address client;
  auto operator<=>(const Source&) const = default;
};

inline constexpr std::string_view kDoorsTable = "dnspin-dns";
inline constexpr std::string_view kQubesTable = "qubes";
inline constexpr std::string_view kQubesInputChain = "custom-input";  // there: where our rules are
inline constexpr std::string_view kAllowedSet =
    "allowed";  // there: which interface has whose address

// Tables, chains, sets and maps; those that are there stay as they are, but for dns-addr's
// elements.
void PutFilterTable(CommandText& commands, const RulesetTerms& terms);
size_t SharedRuleCount(const RulesetTerms& terms);  // so many rules PutFilterRules puts
void PutFilterRules(CommandText& commands, const RulesetTerms& terms, const TableView& view);

void PutDoorsTable(CommandText& commands, const RulesetTerms& terms, const TableView& view);
// These and no others.
void PutDoorways(CommandText& commands, std::span<const Doorway> doorways);
void PutSources(CommandText& commands, std::span<const Source> sources);

// Where answers to whom wait, empty: the map and the set of those who are asked by no door.
void PutHeld(CommandText& filter);
void PutUndoored(CommandText& doors, std::span<const Address> held);

// `verb`: "add element" or "delete element", of those of the family.
void PutAddresses(CommandText& commands, std::string_view verb, std::string_view set,
                  std::span<const Address> addresses);
void PutDoorwayElements(CommandText& commands, std::string_view verb,
                        std::span<const Doorway> doorways);
void PutUpstreamElements(CommandText& commands, std::string_view verb,
                         std::span<const Endpoint> upstreams);
void PutSourceElements(CommandText& commands, std::string_view verb,
                       std::span<const Source> sources);

// In the tables of Qubes OS, where they are. Without interfaces: our rules go.
void PutQubesRules(CommandText& commands, std::span<const std::string> interfaces,
                   const TableView& view);

}  // namespace dnspin
