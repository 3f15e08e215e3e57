#include "nft/route.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>

namespace dnspin {
namespace {

constexpr int kDatagramsPerDrain = 256;

// A request with its payload; they are all small.
class Request {
 public:
  Request(uint16_t type, uint16_t flags, uint32_t sequence)
      : header_(mnl_nlmsg_put_header(bytes_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    header_->nlmsg_seq = sequence;
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  template <typename T>
  T& Payload() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void Attribute(uint16_t type, std::span<const uint8_t> value) {
    mnl_attr_put(header_, type, value.size(), value.data());
  }
  const nlmsghdr& header() const { return *header_; }

 private:
  alignas(nlmsghdr) std::array<char, 128> bytes_{};
  nlmsghdr* header_;
};

uint8_t SocketFamily(Family family) { return family == Family::kIpv4 ? AF_INET : AF_INET6; }

std::optional<Address> AddressOf(const nlmsghdr& message) {
  // On a point-to-point link IFA_ADDRESS is the peer's; IPv6 may have no IFA_LOCAL.
  for (const int type : {IFA_LOCAL, IFA_ADDRESS}) {
    if (const auto bytes = FindAttribute(message, sizeof(ifaddrmsg), type)) {
      return Address::FromBytes(*bytes);
    }
  }
  return std::nullopt;
}

// The interface and the address of a route that leads to one address, not of this machine.
std::optional<std::pair<uint32_t, Address>> HostRouteOf(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(&message) < sizeof(rtmsg)) {
    return std::nullopt;
  }
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  const auto destination = FindAttribute(message, sizeof(rtmsg), RTA_DST);
  const auto out = FindAttribute(message, sizeof(rtmsg), RTA_OIF);
  uint32_t index = 0;
  if (route->rtm_type != RTN_UNICAST ||
      route->rtm_protocol == RTPROT_KERNEL ||  // our own addresses
      route->rtm_table != RT_TABLE_MAIN || !destination ||
      route->rtm_dst_len != 8 * destination->size() || !out || out->size() != sizeof(index) ||
      FindAttribute(message, sizeof(rtmsg), RTA_GATEWAY)) {
    return std::nullopt;
  }
  std::memcpy(&index, out->data(), sizeof(index));
  const auto address = Address::FromBytes(*destination);
  return address ? std::optional(std::pair(index, *address)) : std::nullopt;
}

}  // namespace

absl::StatusOr<Routes> Routes::Create() {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE);
  if (!socket.ok()) {
    return socket.status();
  }
  return Routes(*std::move(socket));
}

absl::StatusOr<std::optional<Interface>> Routes::Towards(const Address& address) {
  Request request(RTM_GETROUTE, NLM_F_ACK, socket_.NextSequence());
  auto& route = request.Payload<rtmsg>();
  route.rtm_family = SocketFamily(address.family());
  route.rtm_dst_len = static_cast<uint8_t>(8 * address.bytes().size());
  request.Attribute(RTA_DST, address.bytes());
  Interface interface;
  absl::Status asked = socket_.Ask(request.header(), [&](const nlmsghdr& reply) {
    const auto index = FindAttribute(reply, sizeof(rtmsg), RTA_OIF);
    if (reply.nlmsg_type == RTM_NEWROUTE && index && index->size() == sizeof(interface.index)) {
      std::memcpy(&interface.index, index->data(), sizeof(interface.index));
    }
  });
  if (!asked.ok()) {
    // What a route can say: there is none, or it is a blackhole, prohibited or unreachable one.
    constexpr std::array kNoWay = {ENETUNREACH, EHOSTUNREACH, EINVAL, EACCES};
    if (std::find(kNoWay.begin(), kNoWay.end(), socket_.error()) != kNoWay.end()) {
      return std::nullopt;
    }
    return asked;
  }
  if (interface.index == 0) {
    return std::nullopt;
  }
  const absl::StatusOr<std::optional<std::string>> name = NameOf(interface.index);
  if (!name.ok()) {
    return name.status();
  }
  if (!name->has_value()) {
    return std::nullopt;  // gone meanwhile
  }
  interface.name = **name;
  return interface;
}

absl::StatusOr<std::optional<std::string>> Routes::NameOf(uint32_t index) {
  Request request(RTM_GETLINK, NLM_F_ACK, socket_.NextSequence());
  request.Payload<ifinfomsg>().ifi_index = static_cast<int>(index);
  std::optional<std::string> name;
  absl::Status asked = socket_.Ask(request.header(), [&](const nlmsghdr& reply) {
    const auto text = FindAttribute(reply, sizeof(ifinfomsg), IFLA_IFNAME);
    if (reply.nlmsg_type == RTM_NEWLINK && text) {
      const auto* start = reinterpret_cast<const char*>(text->data());
      name = std::string(start, ::strnlen(start, text->size()));
    }
  });
  if (!asked.ok() && socket_.error() != ENODEV) {
    return asked;
  }
  return name;
}

absl::StatusOr<std::optional<uint32_t>> Routes::IndexOf(const std::string& name) {
  Request request(RTM_GETLINK, NLM_F_ACK, socket_.NextSequence());
  request.Payload<ifinfomsg>();
  request.Attribute(IFLA_IFNAME, {reinterpret_cast<const uint8_t*>(name.c_str()), name.size() + 1});
  std::optional<uint32_t> index;
  absl::Status asked = socket_.Ask(request.header(), [&](const nlmsghdr& reply) {
    if (reply.nlmsg_type == RTM_NEWLINK) {
      index = static_cast<uint32_t>(
          static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&reply))->ifi_index);
    }
  });
  if (!asked.ok() && socket_.error() != ENODEV) {
    return asked;
  }
  return index;
}

// Again while others change what is dumped.
absl::Status Routes::Dump(const std::function<absl::Status()>& ask) {
  constexpr int kTriesMax = 20;
  absl::Status asked = ask();
  for (int tries = 1; tries < kTriesMax && absl::IsAborted(asked); ++tries) {
    asked = ask();
  }
  return asked;
}

absl::StatusOr<std::vector<Vif>> Routes::HostRoutes(Family family) {
  std::map<uint32_t, std::vector<Address>> by_index;
  const absl::Status asked = Dump([&] {
    by_index.clear();
    Request request(RTM_GETROUTE, NLM_F_DUMP, socket_.NextSequence());
    request.Payload<rtmsg>().rtm_family = SocketFamily(family);
    return socket_.Ask(request.header(), [&](const nlmsghdr& reply) {
      if (const auto route = HostRouteOf(reply)) {
        by_index[route->first].push_back(route->second);
      }
    });
  });
  if (!asked.ok()) {
    return asked;
  }
  std::vector<Vif> vifs;
  for (auto& [index, addresses] : by_index) {
    auto name = NameOf(index);
    if (!name.ok()) {
      return name.status();
    }
    if (name->has_value()) {
      vifs.push_back({**name, std::move(addresses)});
    }
  }
  return vifs;
}

absl::StatusOr<std::vector<Address>> Routes::OwnAddresses() {
  std::vector<Address> addresses;
  const absl::Status asked = Dump([&] {
    addresses.clear();
    Request request(RTM_GETADDR, NLM_F_DUMP, socket_.NextSequence());
    request.Payload<ifaddrmsg>().ifa_family = AF_UNSPEC;
    return socket_.Ask(request.header(), [&](const nlmsghdr& reply) {
      if (reply.nlmsg_type == RTM_NEWADDR) {
        if (const std::optional<Address> address = AddressOf(reply)) {
          addresses.push_back(*address);
        }
      }
    });
  });
  if (!asked.ok()) {
    return asked;
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

absl::StatusOr<RouteWatch> RouteWatch::Create() {
  constexpr std::array<int, 7> kGroups = {
      RTNLGRP_LINK,        RTNLGRP_IPV4_RULE,  RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_IFADDR,
      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kGroups);
  if (!socket.ok()) {
    return socket.status();
  }
  return RouteWatch(*std::move(socket));
}

absl::StatusOr<bool> RouteWatch::Drain() {
  bool changed = false;
  for (int i = 0; i < kDatagramsPerDrain; ++i) {
    const absl::StatusOr<std::span<const char>> datagram =
        socket_.Receive(buffer_, NetlinkSocket::Time());
    if (datagram.ok() || socket_.error() == ENOBUFS) {
      changed = true;
    } else if (absl::IsDeadlineExceeded(datagram.status())) {
      break;
    } else {
      return datagram.status();
    }
  }
  return changed;
}

}  // namespace dnspin
