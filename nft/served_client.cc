#include "nft/served_client.h"

#include <algorithm>

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

}  // namespace

CountersReport ServedClient::Totals() const {
  CountersReport total = counters;
  total.questions += counters_before.questions;
  total.answered += counters_before.answered;
  total.refused += counters_before.refused;
  total.failed += counters_before.failed;
  total.dropped += counters_before.dropped;
  total.cache_hits += counters_before.cache_hits;
  total.upstream_questions += counters_before.upstream_questions;
  total.answers_released_unpinned += counters_before.answers_released_unpinned;
  total.reports_left_out += counters_before.reports_left_out;
  return total;
}

void ServedClient::TakePolicy(ServedClient&& next) {
  desired = std::move(next.desired);
  policy = std::move(next.policy);
  permissions = std::move(next.permissions);
  groups = std::move(next.groups);
  digest = std::move(next.digest);
  ledger = std::move(next.ledger);
  grants.KeepWhatStands(*permissions);
  interface = std::move(next.interface);
}

std::string ServedClient::SetName(Family family, uint32_t group) const {
  const auto first =
      std::find_if(desired.addresses.begin(), desired.addresses.end(),
                   [family](const Address& address) { return address.family() == family; });
  DNSPIN_CHECK(first != desired.addresses.end());
  return PinSetName(*first, group);
}

const ServedClient* FindSame(const ServedClients& clients, const std::vector<Address>& addresses) {
  const auto found = std::find_if(clients.begin(), clients.end(), [&](const auto& entry) {
    return AreSame(entry.second.desired.addresses, addresses);
  });
  return found == clients.end() ? nullptr : &found->second;
}

}  // namespace dnspin
