// A datagram of the firewall's log, and the first octets of packets in it: whatever they are, what
// is told of each can be told to dnspind, and a port is told of TCP and UDP alone. The first octet
// says whether it was cut.
#include <netinet/in.h>

#include <vector>

#include "pinning/check.h"
#include "resolver/octets.h"
#include "resolver/packet_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  if (size == 0) {
    return 0;
  }
  const std::span<const uint8_t> datagram(bytes + 1, size - 1);
  const auto check = [](const LoggedPacket& packet) {
    DNSPIN_CHECK(packet.source.family() == packet.destination.family());
    DNSPIN_CHECK(packet.port == 0 || packet.protocol == IPPROTO_TCP ||
                 packet.protocol == IPPROTO_UDP);
    const std::vector<LoggedPacket> said = {packet};
    DNSPIN_CHECK(DecodeLoggedPackets(AsOctets(Encode(said))) == said);
  };
  size_t told = 0;
  ReadPacketLog(datagram, (bytes[0] & 1) != 0, [&](const LoggedPacket& packet) {
    ++told;
    check(packet);
  });
  DNSPIN_CHECK(told <= datagram.size() / 20 + 1);
  if (const auto packet = ReadLoggedPacket(datagram)) {
    check(*packet);
  }
  return 0;
}
