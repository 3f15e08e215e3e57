#include "nft/ruleset.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "nft/network_sets.h"
#include "nft/pin_difference.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

const TableView& Of(const std::array<TableView, 2>& views, Family family) {
  return views[family == Family::kIpv4 ? 0 : 1];
}

// What one client has in one family.
struct ClientParts {
  std::map<std::string, uint32_t> sets;       // name, size; of a drop set 0
  std::map<std::string, std::string> chains;  // name, the client's address as text
  std::map<std::string, std::string> holds;   // the same, of the chain where its answers wait
};

ClientParts PartsOf(const ClientRules& client, Family family) {
  ClientParts parts;
  for (std::string& name : PinSetsOf(client, family)) {
    DNSPIN_CHECK(client.set_size > 0);  // else it would be unlimited
    parts.sets.emplace(std::move(name), client.set_size);
  }
  for (const auto& [name, drops] : DropSetsOf(client, family)) {
    parts.sets.emplace(name, 0);
  }
  for (const Address& address : client.addresses) {
    if (address.family() == family) {
      parts.chains.emplace(ChainName(address), address.Text());
      if (client.queue != 0) {
        parts.holds.emplace(HoldChainName(address), address.Text());
      }
    }
  }
  return parts;
}

void PutSet(CommandText& commands, const std::string& name, uint32_t size) {
  commands.Put("add set", size == 0 ? fmt::format("{} {{ type {}; }}", name, commands.key_type())
                                    : fmt::format("{} {{ type {}; flags timeout; size {}; }}", name,
                                                  commands.key_type(), size));
}

// Fills the drop sets of `after` that are not as in `before`.
void PutDropSets(CommandText& commands, const ClientRules& before, const ClientRules& after) {
  const DropSets known = DropSetsOf(before, commands.family());
  for (const auto& [name, drops] : DropSetsOf(after, commands.family())) {
    const auto old = known.find(name);
    if (old == known.end() || old->second != drops) {
      PutDrops(commands, name, drops);
    }
  }
}

// A set or chain that rules of others name stays, empty: the kernel would not let it go, and would
// refuse all the rest with it.
void RemoveSet(CommandText& commands, const std::string& name, const TableView& view) {
  commands.Put(view.used.contains(name) ? "flush set" : "delete set", name);
}
void RemoveChain(CommandText& commands, const std::string& name, const TableView& view) {
  if (!view.used.contains(name)) {
    commands.Put("delete chain", name);  // its rules are gone already
  }
}

void PutChainRules(CommandText& commands, const ClientRules& client, const ClientParts& parts) {
  if (parts.chains.empty()) {
    return;
  }
  const std::vector<std::string> rules = ChainRules(client, commands.family());
  for (const auto& [chain, address] : parts.chains) {
    for (const std::string& rule : rules) {
      commands.Put("add rule", fmt::format("{} {}", chain, rule));
    }
  }
}

void PutLookup(CommandText& commands, const std::string& chain, const std::string& address) {
  commands.Put("add element", fmt::format("clients {{ {} : jump {} }}", address, chain));
}

// Nothing passes there until it is told its queue; and nothing comes back from it, should somebody
// empty it.
void PutHold(CommandText& commands, const std::string& chain, const std::string& address) {
  commands.Put("add chain", chain);
  commands.Put("add rule", chain + " drop");
  commands.Put("add element", fmt::format("held {{ {} : goto {} }}", address, chain));
}

// Empties the chains that an earlier run left, and removes what is not wanted any more. Returns the
// sets that stay as they are.
std::set<std::string> ClearClients(CommandText& commands, const ClientParts& wanted,
                                   const TableView& view) {
  commands.Put("flush map", "clients");
  for (const std::string& chain : view.chains) {
    if (IsClientChain(chain)) {
      commands.Put("flush chain", chain);
    }
  }
  for (const std::string& chain : view.chains) {
    if (IsClientChain(chain) && !wanted.chains.contains(chain) && !wanted.holds.contains(chain)) {
      RemoveChain(commands, chain, view);
    }
  }
  std::set<std::string> staying;
  for (const TableView::SetView& set : view.sets) {
    const auto found = wanted.sets.find(set.name);
    const bool as_wanted = found != wanted.sets.end() && found->second == set.size &&
                           set.size != 0 &&
                           set.holds_pins;  // a drop set is made anew, whatever was there
    if (as_wanted || (found != wanted.sets.end() && view.used.contains(set.name))) {
      staying.insert(set.name);
    } else if (IsClientSet(set.name) || set.ours) {
      RemoveSet(commands, set.name, view);
    }
  }
  return staying;
}

// Returns the sets that were there before and stay.
std::set<std::string> PutAllClients(CommandText& commands, const std::vector<ClientRules>& clients,
                                    const NetworkLists& lists, const TableView& view) {
  ClientParts wanted;
  for (const ClientRules& client : clients) {
    ClientParts parts = PartsOf(client, commands.family());
    wanted.sets.merge(parts.sets);
    wanted.chains.merge(parts.chains);
    wanted.holds.merge(parts.holds);
  }
  std::set<std::string> staying = ClearClients(commands, wanted, view);
  for (const auto& [name, size] : wanted.sets) {
    if (!staying.contains(name)) {
      PutSet(commands, name, size);
    }
  }
  for (const auto& [path, list] : lists) {
    PutNetworkSet(commands, *list);
  }
  for (const auto& [chain, address] : wanted.chains) {
    commands.Put("add chain", chain);
    PutLookup(commands, chain, address);
  }
  for (const auto& [chain, address] : wanted.holds) {
    PutHold(commands, chain, address);
  }
  for (const ClientRules& client : clients) {
    PutDropSets(commands, {}, client);
    PutChainRules(commands, client, PartsOf(client, commands.family()));
  }
  return staying;
}

// First all that goes, of every client, then all that comes: an address may move from one to
// another.
void PutLeaving(CommandText& commands, const ClientChange& change, const TableView& view) {
  const ClientParts before = PartsOf(change.before, commands.family());
  const ClientParts after = PartsOf(change.after, commands.family());
  for (const auto& [chain, address] : before.chains) {
    if (!after.chains.contains(chain)) {
      commands.Put("delete element", fmt::format("clients {{ {} }}", address));
    }
    commands.Put("flush chain", chain);
  }
  for (const auto& [chain, address] : before.chains) {
    if (!after.chains.contains(chain)) {
      RemoveChain(commands, chain, view);
    }
  }
  for (const auto& [chain, address] : before.holds) {
    if (!after.holds.contains(chain)) {
      commands.Put("delete element", fmt::format("held {{ {} }}", address));
      commands.Put("flush chain", chain);
      RemoveChain(commands, chain, view);
    }
  }
  for (const auto& [name, size] : before.sets) {
    if (!after.sets.contains(name)) {
      RemoveSet(commands, name, view);
    }
  }
}

void PutComing(CommandText& commands, const ClientChange& change) {
  const ClientParts before = PartsOf(change.before, commands.family());
  const ClientParts after = PartsOf(change.after, commands.family());
  for (const auto& [name, size] : after.sets) {
    const auto old = before.sets.find(name);
    DNSPIN_CHECK(old == before.sets.end() ||
                 old->second == size);  // a new size is Install's affair
    if (old == before.sets.end()) {
      PutSet(commands, name, size);
    }
  }
  for (const auto& [chain, address] : after.chains) {
    if (!before.chains.contains(chain)) {
      commands.Put("add chain", chain);
      PutLookup(commands, chain, address);
    }
  }
  for (const auto& [chain, address] : after.holds) {
    if (!before.holds.contains(chain)) {
      PutHold(commands, chain, address);
    }
  }
  PutDropSets(commands, change.before, change.after);
  PutChainRules(commands, change.after, after);
}

// Sets that go with their clients or groups, elements and all.
std::set<std::string> LeavingSets(const RulesetChange& change) {
  std::set<std::string> leaving;
  for (const Family family : kFamilies) {
    for (const ClientChange& client : change.clients) {
      const ClientParts after = PartsOf(client.after, family);
      for (const auto& [name, size] : PartsOf(client.before, family).sets) {
        if (!after.sets.contains(name)) {
          leaving.insert(name);
        }
      }
    }
  }
  return leaving;
}

void PutSharedElements(std::string& text, const std::string& table, std::string_view verb,
                       const SharedElements& elements) {
  for (const Family family : kFamilies) {
    CommandText filter(text, family, table);
    PutAddresses(filter, verb, "dns-addr", elements.dns_servers);
    PutAddresses(filter, verb, "connected", elements.connected);
    PutSourceElements(filter, verb, elements.sources);
    CommandText doors(text, family, kDoorsTable);
    PutDoorwayElements(doors, verb, elements.doorways);
    PutUpstreamElements(doors, verb, elements.upstreams);
    PutAddresses(doors, verb, "held", elements.held);
  }
}

template <typename T>
std::vector<T> Missing(const std::vector<T>& some, const std::vector<T>& others) {
  std::vector<T> missing;
  const std::set<T> known(others.begin(), others.end());
  std::copy_if(some.begin(), some.end(), std::back_inserter(missing),
               [&](const T& one) { return !known.contains(one); });
  return missing;
}

enum class Fate { kRevoked, kMoved };

// Of the elements to be removed from sets that stay, those whose addresses are pinned nowhere else
// now, or those that are.
std::vector<GonePin> GoneOf(const RulesetChange& change, Fate fate) {
  const std::set<std::string> leaving = LeavingSets(change);
  std::set<Address> pinned;
  for (const PinElement& pin : change.pins) {
    pinned.insert(pin.address);
  }
  std::vector<GonePin> gone;
  for (const GonePin& pin : change.gone) {
    if (!leaving.contains(pin.set) && pinned.contains(pin.address) == (fate == Fate::kMoved)) {
      gone.push_back(pin);
    }
  }
  return gone;
}

}  // namespace

SharedElements Without(const SharedElements& some, const SharedElements& others) {
  return {Missing(some.doorways, others.doorways),
          Missing(some.sources, others.sources),
          Missing(some.dns_servers, others.dns_servers),
          Missing(some.connected, others.connected),
          Missing(some.upstreams, others.upstreams),
          Missing(some.held, others.held),
          Without(some.lists, others.lists)};
}

std::string InstallText(const Ruleset& ruleset, const KernelView& view, RefreshWay way) {
  std::string text;
  for (const Family family : kFamilies) {
    CommandText filter(text, family, ruleset.terms.table);
    PutFilterTable(filter, ruleset.terms);
    const bool held = ruleset.terms.snoop;
    const std::vector<std::string>& chains = Of(view.filter, family).chains;
    if (held || std::any_of(chains.begin(), chains.end(), IsHoldChain)) {
      PutHeld(filter);
    }
    const auto staying =
        PutAllClients(filter, ruleset.clients, ruleset.lists, Of(view.filter, family));
    PutDifference(filter, DifferenceOf(family, ruleset.pins, view.pins, staying), way);
    if (ruleset.terms.connected) {
      PutSources(filter, ruleset.sources);
    }
    PutFilterRules(filter, ruleset.terms, Of(view.filter, family));
    CommandText doors(text, family, kDoorsTable);
    if (held) {
      doors.PutTable("add");
      PutUndoored(doors, ruleset.held);
    }
    PutDoorsTable(doors, ruleset.terms, Of(view.doors, family));
    PutDoorways(doors, ruleset.doorways);
    CommandText qubes(text, family, kQubesTable);
    PutQubesRules(qubes, ruleset.terms.interfaces, Of(view.qubes, family));
  }
  return text;
}

std::string ChangeText(const std::string& table, const RulesetChange& change,
                       const KernelView& view, RefreshWay way) {
  std::string text;
  const std::vector<GonePin> revoked = GoneOf(change, Fate::kRevoked);
  for (const Family family : kFamilies) {
    CommandText filter(text, family, table);
    PutGonePins(filter, revoked);
    for (const auto& [path, list] : change.new_elements.lists) {
      PutNetworkSet(filter, *list);
    }
    for (const ClientChange& client : change.clients) {
      PutLeaving(filter, client, Of(view.filter, family));
    }
    for (const auto& [path, list] : change.gone_elements.lists) {
      if (!change.new_elements.lists.contains(path)) {
        RemoveSet(filter, NetworkSetName(path), Of(view.filter, family));
      }
    }
    for (const ClientChange& client : change.clients) {
      PutComing(filter, client);
    }
    PutPins(filter, change.pins, way);
  }
  PutSharedElements(text, table, "delete element", change.gone_elements);
  PutSharedElements(text, table, "add element", change.new_elements);
  return text;
}

std::string DropsText(const std::string& table, std::span<const ClientChange> changes) {
  std::string text;
  for (const Family family : kFamilies) {
    CommandText filter(text, family, table);
    for (const ClientChange& client : changes) {
      PutDropSets(filter, client.before, client.after);
      if (client.before.closed_from != client.after.closed_from) {
        const ClientParts parts = PartsOf(client.after, family);
        for (const auto& [chain, address] : parts.chains) {
          filter.Put("flush chain", chain);
        }
        PutChainRules(filter, client.after, parts);
      }
    }
  }
  return text;
}

std::string MovedText(const std::string& table, const RulesetChange& change) {
  std::string text;
  const std::vector<GonePin> moved = GoneOf(change, Fate::kMoved);
  for (const Family family : kFamilies) {
    CommandText filter(text, family, table);
    PutGonePins(filter, moved);
  }
  return text;
}

std::string TeardownText(const std::string& table, const KernelView& view) {
  std::string text;
  for (const Family family : kFamilies) {
    for (const std::string_view name : {std::string_view(table), kDoorsTable}) {
      CommandText commands(text, family, name);
      commands.PutTable("add");  // to delete a table that is not there would fail
      commands.PutTable("delete");
    }
    CommandText qubes(text, family, kQubesTable);
    PutQubesRules(qubes, {}, Of(view.qubes, family));
  }
  return text;
}

}  // namespace dnspin
