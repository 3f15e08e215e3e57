#include "resolver/netlink_message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace dnspin::netlink {
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

}  // namespace

void ForEachMessage(std::span<const uint8_t> datagram, bool cut, uint16_t type,
                    const std::function<void(std::span<const uint8_t>)>& each) {
  constexpr size_t kHeaders = NLMSG_ALIGN(sizeof(nlmsghdr)) + NLMSG_ALIGN(sizeof(nfgenmsg));
  while (const auto header = Value<nlmsghdr>(datagram)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || (header->nlmsg_len > datagram.size() && !cut)) {
      return;
    }
    const auto message = datagram.first(std::min<size_t>(header->nlmsg_len, datagram.size()));
    if (header->nlmsg_type == type && message.size() >= kHeaders) {
      each(message.subspan(kHeaders));
    }
    datagram = Behind(datagram, header->nlmsg_len);
  }
}

bool ForEachAttribute(std::span<const uint8_t> attributes,
                      const std::function<void(const Attribute&)>& each) {
  while (const auto header = Value<nlattr>(attributes)) {
    if (header->nla_len < sizeof(nlattr)) {
      return false;
    }
    const size_t length = std::min<size_t>(header->nla_len, attributes.size());
    each({static_cast<uint16_t>(header->nla_type & NLA_TYPE_MASK),
          attributes.first(length).subspan(sizeof(nlattr)), length == header->nla_len});
    attributes = Behind(attributes, header->nla_len);
  }
  return true;
}

}  // namespace dnspin::netlink
