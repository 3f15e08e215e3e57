#include "nft/served_client.h"

#include <algorithm>

#include "pinning/check.h"

namespace dnspin {

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

}  // namespace dnspin
