#include "nft/served_client.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "nft/client_chain.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

// A client is who has its addresses, whatever its file is called: the first of each family names
// its sets, so where these are the same its pins and its door go on.
bool AreSame(const std::vector<Address>& before, const std::vector<Address>& after) {
  bool shared = false;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto was = FirstAddress(before, family);
    const auto is = FirstAddress(after, family);
    if (was && is && was != is) {
      return false;
    }
    shared = shared || (was && is);
  }
  return shared;
}

// The last word where not all names fit: it is none itself.
constexpr std::string_view kAndMore = " +";

void AddWord(std::string& comment, const std::string& word) {
  if (comment.ends_with(kAndMore)) {
    return;
  }
  comment += (comment.empty() ? "" : " ") + word;
  if (comment.size() > kCommentOctetsMax) {
    comment.resize(kCommentOctetsMax - kAndMore.size());
    comment += kAndMore;
  }
}

// Nothing if there is more than names.
std::optional<std::vector<Name>> NamesIn(const std::string& comment) {
  std::vector<Name> names;
  std::istringstream words(comment);
  for (std::string word; words >> word;) {
    auto name = Name::FromHost(word);
    if (!name) {
      return std::nullopt;
    }
    names.push_back(*std::move(name));
  }
  return names;
}

// A name whose answers are not all known has no element: what a restart finds there was whole.
void PutElements(const Name& name, const Policy& policy, const DropNames& drops,
                 std::map<Address, std::string>& comments) {
  if (!drops.IsKnown(name, policy.addresses)) {
    return;
  }
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (!policy.HasFamily(family)) {
      continue;
    }
    for (const Address& address : *drops.AddressesOf(name, family)) {
      AddWord(comments[address], name.Text());
    }
  }
}

}  // namespace

std::vector<DropElement> DropElementsOf(const Policy& policy, std::span<const PinGroup> groups,
                                        const DropNames& drops) {
  std::vector<DropElement> elements;
  for (const PinGroup& group : groups) {
    if (group.action != Action::kDrop) {
      continue;
    }
    std::map<Address, std::string> comments;
    for (const uint32_t position : group.rules) {
      PutElements(policy.rules[position].host->name, policy, drops, comments);
    }
    for (auto& [address, comment] : comments) {
      elements.push_back({group.number, address, std::move(comment)});
    }
  }
  return elements;
}

DropNames AdoptDrops(const std::vector<KernelPin>& elements, std::span<const Address> addresses) {
  struct Found {
    uint32_t group = 0;
    Address address;
    std::vector<Name> names;
  };
  std::vector<Found> found;
  std::set<uint32_t> partial;  // groups some of whose names are missing somewhere
  for (const KernelPin& element : elements) {
    const auto set = ReadDropSetName(element.set);
    const auto first = FirstAddress(addresses, element.family);
    if (!set || !first || set->label != AddressLabel(*first) || element.left.count() != 0) {
      continue;
    }
    if (auto names = NamesIn(element.comment)) {
      found.push_back({set->group, element.address, *std::move(names)});
    } else {
      partial.insert(set->group);
    }
  }
  DropNames drops;
  for (const auto& [group, address, names] : found) {
    for (const Name& name : names) {
      if (!partial.contains(group)) {
        drops.Adopt(name, address, addresses);
      }
    }
  }
  return drops;
}

ClientRules RulesOf(const ServedClient& client) {
  return {client.desired.addresses,
          client.policy.rules,
          client.groups,
          client.set_size,
          client.digest,
          client.policy.closed_from,
          DropElementsOf(client.policy, client.groups, client.drops),
          client.queue,
          client.logged};
}

CountersReport ServedClient::Totals() const {
  CountersReport total = counters;
  total += counters_before;
  return total;
}

void ServedClient::EndService() {
  watch = Watch();
  channel.reset();
  held.reset();
  readable = false;
  unread.clear();
  reader = 0;
  counters_before = Totals();
  counters = CountersReport{};
  CountersReport& all = counters_before;
  const uint64_t ended = all.answered + all.refused + all.failed + all.dropped;
  all.dropped += all.received > ended ? all.received - ended : 0;
}

void ServedClient::TakePolicy(ServedClient&& next) {
  desired = std::move(next.desired);
  policy = std::move(next.policy);
  permissions = std::move(next.permissions);
  groups = std::move(next.groups);
  lists = std::move(next.lists);
  digest = std::move(next.digest);
  set_size = next.set_size;
  ledger = std::move(next.ledger);
  grants.KeepWhatStands(*permissions);
  drops = std::move(next.drops);
  learned = drops;
  drops_due = false;
  placed = next.placed;
  interface = std::move(next.interface);
  queue = next.queue;
}

std::string ServedClient::SetName(Family family, uint32_t group) const {
  const auto first =
      std::find_if(desired.addresses.begin(), desired.addresses.end(),
                   [family](const Address& address) { return address.family() == family; });
  DNSPIN_CHECK(first != desired.addresses.end());
  return PinSetName(*first, group);
}

bool MayBeOneQube(std::span<const std::string> interfaces, std::span<const std::string> others) {
  return interfaces.empty() || others.empty() ||
         std::find_first_of(interfaces.begin(), interfaces.end(), others.begin(), others.end()) !=
             interfaces.end();
}

std::optional<UpstreamHealth> HealthOf(const ServedClients& clients, const Endpoint& upstream) {
  std::optional<UpstreamHealth> health;
  for (const auto& [id, client] : clients) {
    const auto found = client.upstreams.find(upstream);
    if (found == client.upstreams.end()) {
      continue;
    }
    if (health) {
      *health += found->second;
    } else {
      health = found->second;
    }
  }
  return health;
}

KnownByAddress::KnownByAddress(const ServedClients& clients) {
  for (const auto& [id, client] : clients) {
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      if (const auto first = FirstAddress(client.desired.addresses, family)) {
        by_first_[*first].push_back(&client);
      }
    }
  }
}

const ServedClient* KnownByAddress::FindSame(const DesiredClient& wanted) const {
  const ServedClient* same = nullptr;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto first = FirstAddress(wanted.addresses, family);
    const auto known = first ? by_first_.find(*first) : by_first_.end();
    if (known == by_first_.end()) {
      continue;
    }
    for (const ServedClient* client : known->second) {
      if (AreSame(client->desired.addresses, wanted.addresses) &&
          MayBeOneQube(client->desired.interfaces, wanted.interfaces) &&
          (same == nullptr || client->id < same->id)) {
        same = client;  // the eldest
      }
    }
  }
  return same;
}

}  // namespace dnspin
