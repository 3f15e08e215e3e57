// A datagram of the queue's socket: whatever it holds, every packet told lies inside it, and one
// that is told whole is so long as its attribute says. The first octet says whether it was cut.
#include <algorithm>

#include "pinning/check.h"
#include "resolver/held_packet.h"
#include "resolver/queued_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  if (size == 0) {
    return 0;
  }
  const std::span<const uint8_t> datagram(bytes + 1, size - 1);
  const bool cut = (bytes[0] & 1) != 0;
  size_t told = 0;
  ReadHeldPackets(datagram, cut, [&](const HeldPacket& packet) {
    ++told;
    DNSPIN_CHECK(!packet.whole || !cut);
    if (!packet.octets.empty()) {
      DNSPIN_CHECK(packet.octets.data() >= datagram.data());
      DNSPIN_CHECK(packet.octets.data() + packet.octets.size() <=
                   datagram.data() + datagram.size());
    }
    (void)ReadQueuedPacket(packet.octets);
  });
  DNSPIN_CHECK(told <= datagram.size() / 20 + 1);
  return 0;
}
