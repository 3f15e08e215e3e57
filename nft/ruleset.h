#pragma once
// Knows: the whole firewall as nft command text (design.md 5): each function's text is one
// transaction. Pure: values in, text out.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nft/client_chain.h"
#include "nft/command_text.h"
#include "nft/refresh_way.h"
#include "nft/set_reader.h"
#include "nft/shared_chains.h"
#include "nft/table_view.h"
#include "pinning/network_list.h"
#include "pinning/pin.h"

namespace dnspin {

// All of it, as it is to be.
struct Ruleset {
  RulesetTerms terms;
  std::vector<ClientRules> clients;  // no address twice
  std::vector<Doorway> doorways;
  std::vector<PinElement> pins;  // the sets hold these and no others
  std::vector<Source> sources{};
  std::vector<Address> held{};  // whose answers wait in a queue
  NetworkLists lists{};         // that clients' rules name
};

// One client. No addresses before: it comes; no addresses after: it goes.
struct ClientChange {
  ClientRules before;
  ClientRules after;
};

struct SharedElements {
  std::vector<Doorway> doorways;
  std::vector<Source> sources;
  std::vector<Address> dns_servers;
  std::vector<Address> connected;
  std::vector<Endpoint> upstreams{};
  std::vector<Address> held{};  // whose answers are held
  NetworkLists lists{};         // that rules name: a set for each
};

// What is in `some` and not in `others`.
SharedElements Without(const SharedElements& some, const SharedElements& others);

struct RulesetChange {
  std::vector<ClientChange> clients;
  std::vector<GonePin> gone;     // from sets of before
  std::vector<PinElement> pins;  // to sets of after; a set of both keeps what is not named here
  // What the maps and sets that all share have from now on, or no more. Only that is touched: a
  // packet under way may miss what is taken out and put in again.
  SharedElements gone_elements{};
  SharedElements new_elements{};
};

// What the kernel has where the ruleset goes; IPv4 first.
struct KernelView {
  std::array<TableView, 2> filter;  // tables TABLE
  std::array<TableView, 2> doors;   // tables dnspin-dns
  std::array<TableView, 2> qubes;   // tables qubes, of Qubes OS
  std::vector<KernelPin> pins;      // of tables TABLE
};

// From whatever is there to `ruleset`; rules and objects of others stay, and so do elements that
// are as they are to be.
std::string InstallText(const Ruleset& ruleset, const KernelView& view, RefreshWay way);

// From before to after, for some clients, under terms that stay. It leaves one thing to
// MovedText(): elements that are in another set now stay where they were as well. A packet that set
// out under the old rules looks for them there, even after the new rules are in force.
std::string ChangeText(const std::string& table, const RulesetChange& change,
                       const KernelView& view, RefreshWay way);

// Removes them, in a transaction after that. Empty if nothing moved.
std::string MovedText(const std::string& table, const RulesetChange& change);

// Clients whose dropped names have got other addresses: rules and groups are as before. Their
// chains are written anew only where they open, or close, elsewhere.
std::string DropsText(const std::string& table, std::span<const ClientChange> changes);

// Our tables go, whether they are there or not, and our rules in those of Qubes OS.
std::string TeardownText(const std::string& table, const KernelView& view);

}  // namespace dnspin
