#pragma once
// Knows: what the stories of the ledger begin with: one ledger, a clock, and turns of one request.
// Touches nothing.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pinning/ledger.h"

namespace dnspin {

using std::chrono::seconds;
using Places = std::vector<Ledger::Place>;

inline Name N(const std::string& host) { return *Name::FromHost(host); }

inline Address A(uint32_t number) {
  const std::vector<uint8_t> bytes = {198, 51, static_cast<uint8_t>(number >> 8),
                                      static_cast<uint8_t>(number)};
  return *Address::FromBytes(bytes);
}

inline std::vector<Address> Addresses(uint32_t first, uint32_t count) {
  std::vector<Address> addresses;
  for (uint32_t i = 0; i < count; ++i) {
    addresses.push_back(A(first + i));
  }
  return addresses;
}

inline const Places kGithub = {{1, ".github.com"}};
inline const Places kGitlab = {{1, ".gitlab.com"}};

class LedgerTest : public testing::Test {
 protected:
  // A turn of one request: planned, and recorded if the quotas allow it.
  std::optional<std::vector<PinChange>> Pin(const std::string& asked, const Places& places,
                                            const std::vector<Address>& addresses, seconds life) {
    auto changes = ledger_.Plan(N(asked), places, addresses, life, now_);
    if (changes) {
      Record(*changes);
    }
    ledger_.EndOfTurn();
    return changes;
  }
  void Record(const std::vector<PinChange>& changes) {
    for (const PinChange& change : changes) {
      ledger_.Record(change, now_);
    }
  }
  seconds Left(uint32_t group, uint32_t address) const {
    const auto pin = ledger_.pins().find({group, A(address)});
    return pin == ledger_.pins().end()
               ? seconds(0)
               : std::chrono::duration_cast<seconds>(pin->second.until() - now_);
  }
  size_t HoldersOf(uint32_t group, uint32_t address) const {
    return ledger_.pins().at({group, A(address)}).holders.size();
  }

  PinTerms terms_{.per_client = 20, .per_name = 8};
  Ledger ledger_{terms_};
  BootTime now_{std::chrono::hours(100)};
};

}  // namespace dnspin
