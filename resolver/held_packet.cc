#include "resolver/held_packet.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace dnspin {
namespace {

// The kernel's own layout: netlink is of this machine's octet order, and aligned to four.
template <typename T>
std::optional<T> Value(std::span<const uint8_t> octets) {
  if (octets.size() < sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, octets.data(), sizeof(T));
  return value;
}

// NLMSG_ALIGN counts in 32 bits: of the longest lengths it makes none.
std::span<const uint8_t> Behind(std::span<const uint8_t> octets, size_t length) {
  return octets.subspan(std::min(octets.size(), (length + 3) / 4 * 4));
}

// One message's attributes. `cut`: the last one may be shorter than it says.
std::optional<HeldPacket> PacketIn(std::span<const uint8_t> attributes, bool cut) {
  HeldPacket packet;
  bool numbered = false;
  packet.whole = !cut;
  while (const auto header = Value<nlattr>(attributes)) {
    if (header->nla_len < sizeof(nlattr)) {
      return std::nullopt;
    }
    const size_t length = std::min<size_t>(header->nla_len, attributes.size());
    const bool all = length == header->nla_len;
    const auto value = attributes.first(length).subspan(sizeof(nlattr));
    switch (header->nla_type & NLA_TYPE_MASK) {
      case NFQA_PACKET_HDR:
        if (const auto start = Value<nfqnl_msg_packet_hdr>(value); start && all) {
          packet.number = ntohl(start->packet_id);
          numbered = true;
        }
        break;
      case NFQA_PAYLOAD:
        packet.octets = value;
        packet.whole = packet.whole && all;
        break;
      case NFQA_CAP_LEN:  // of one that was cut in the kernel
        packet.whole = false;
        break;
      default:
        break;
    }
    attributes = Behind(attributes, header->nla_len);
  }
  return numbered ? std::optional(packet) : std::nullopt;
}

}  // namespace

void ReadHeldPackets(std::span<const uint8_t> datagram, bool cut,
                     const std::function<void(const HeldPacket&)>& each) {
  constexpr uint16_t kPacket = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
  constexpr size_t kHeaders = NLMSG_ALIGN(sizeof(nlmsghdr)) + NLMSG_ALIGN(sizeof(nfgenmsg));
  while (const auto header = Value<nlmsghdr>(datagram)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || (header->nlmsg_len > datagram.size() && !cut)) {
      return;
    }
    const auto message = datagram.first(std::min<size_t>(header->nlmsg_len, datagram.size()));
    if (header->nlmsg_type == kPacket && message.size() >= kHeaders) {
      if (const auto packet = PacketIn(message.subspan(kHeaders), cut)) {
        each(*packet);
      }
    }
    datagram = Behind(datagram, header->nlmsg_len);
  }
}

}  // namespace dnspin
