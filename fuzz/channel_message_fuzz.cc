// What one process of ours sends the other: whatever was accepted says the same after another trip,
// and stays within the bounds that the other side counts on.
#include <algorithm>
#include <span>
#include <string>
#include <variant>

#include "pinning/channel_message.h"
#include "pinning/channel_packet.h"
#include "pinning/check.h"
#include "pinning/logged_packet.h"
#include "pinning/service_message.h"

namespace dnspin {
namespace {

std::span<const uint8_t> Octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void CheckBounds(const FromReader& message) {
  if (const auto* grant = std::get_if<GrantRequest>(&message)) {
    DNSPIN_CHECK(!grant->rule_host.empty() && grant->rule_host.size() <= kRuleHostOctetsMax);
  }
  if (const auto* piece = std::get_if<DropAddresses>(&message)) {
    DNSPIN_CHECK(piece->addresses.size() <= kAddressesPerRequest);
    DNSPIN_CHECK(!piece->addresses.empty() || (piece->first && piece->last));
    for (const Address& address : piece->addresses) {
      DNSPIN_CHECK(address.family() == piece->family);
    }
  }
  if (const auto* report = std::get_if<UpstreamReport>(&message)) {
    DNSPIN_CHECK(report->answers != 0 || report->failures != 0);
  }
  const auto* request = std::get_if<PinRequest>(&message);
  if (request == nullptr) {
    return;
  }
  DNSPIN_CHECK(!request->addresses.empty());
  DNSPIN_CHECK(request->addresses.size() <= kAddressesPerRequest);
  DNSPIN_CHECK(!request->rule_host.empty());
  DNSPIN_CHECK(request->rule_host.size() <= kRuleHostOctetsMax);
}

// A packet is its messages and nothing else.
void CheckPacket(std::span<const uint8_t> packet) {
  const auto messages = MessagesIn(packet);
  if (!messages) {
    return;
  }
  std::string again;
  for (const auto message : *messages) {
    DNSPIN_CHECK(!message.empty());
    again += PacketOf({reinterpret_cast<const char*>(message.data()), message.size()});
  }
  DNSPIN_CHECK(
      std::equal(packet.begin(), packet.end(), Octets(again).begin(), Octets(again).end()));
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const std::span<const uint8_t> input(bytes, size);
  CheckPacket(input);
  const auto from = DecodeFromReader(input);
  if (from.ok()) {
    const std::string again = Encode(*from);
    DNSPIN_CHECK(again.size() == size &&
                 size <= (std::holds_alternative<HeldVerdict>(*from) ? kHeldVerdictOctetsMax
                                                                     : kMessageOctetsMax));
    const auto read = DecodeFromReader(Octets(again));
    DNSPIN_CHECK(read.ok() && *read == *from);
    CheckBounds(*from);
  }
  const auto to = DecodeToReader(input);
  DNSPIN_CHECK(!from.ok() || !to.ok());  // no message goes both ways
  if (to.ok()) {
    const std::string again = Encode(*to);
    DNSPIN_CHECK(again.size() == size && size <= kMessageOctetsMax);
    const auto read = DecodeToReader(Octets(again));
    DNSPIN_CHECK(read.ok() && *read == *to);
  }
  if (const auto packets = DecodeLoggedPackets(input)) {
    DNSPIN_CHECK(!packets->empty() && packets->size() <= kLoggedPacketsMax);
    DNSPIN_CHECK(DecodeLoggedPackets(Octets(Encode(*packets))) == packets);
  }
  if (const auto serve = DecodeServiceMessage(input)) {
    const std::string again = Encode(*serve);
    DNSPIN_CHECK(again.size() == size && size == kServiceMessageOctets);
    DNSPIN_CHECK(DecodeServiceMessage(Octets(again)) == serve);
  }
  return 0;
}
