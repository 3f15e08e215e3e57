#include "nft/conntrack.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "nft/free_with.h"

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr time_t kAnswerSeconds = 5;  // of a dump; the kernel needs milliseconds

using Handle = std::unique_ptr<nfct_handle, FreeWith<&nfct_close>>;
using Entry = std::unique_ptr<nf_conntrack, FreeWith<&nfct_destroy>>;

absl::StatusOr<Handle> Open() {
  Handle handle(nfct_open(CONNTRACK, 0));
  if (handle == nullptr) {
    return absl::ErrnoToStatus(errno, "conntrack socket");
  }
  const timeval limit{kAnswerSeconds, 0};
  if (::setsockopt(nfct_fd(handle.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
    return absl::ErrnoToStatus(errno, "conntrack socket");
  }
  return handle;
}

std::optional<Address> AddressOf(const nf_conntrack* flow, nf_conntrack_attr ipv4,
                                 nf_conntrack_attr ipv6) {
  for (const auto& [attribute, octets] : {std::pair(ipv4, 4U), std::pair(ipv6, 16U)}) {
    if (nfct_attr_is_set(flow, attribute) > 0) {
      return Address::FromBytes(
          {static_cast<const uint8_t*>(nfct_get_attr(flow, attribute)), octets});
    }
  }
  return std::nullopt;
}

bool HasPorts(uint8_t protocol) { return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP; }

uint16_t PortOf(const nf_conntrack* flow, nf_conntrack_attr attribute) {
  return ntohs(nfct_get_attr_u16(flow, attribute));
}

// The packet of the flow that expected this one.
std::optional<Packet> MasterPacketOf(const nf_conntrack* flow) {
  const auto destination = AddressOf(flow, ATTR_MASTER_IPV4_DST, ATTR_MASTER_IPV6_DST);
  if (!destination) {
    return std::nullopt;
  }
  return Packet{*destination, nfct_get_attr_u8(flow, ATTR_MASTER_L4PROTO),
                PortOf(flow, ATTR_MASTER_PORT_DST), 0};
}

std::optional<uint64_t> CountOf(const nf_conntrack* flow, nf_conntrack_attr there,
                                nf_conntrack_attr back) {
  if (nfct_attr_is_set(flow, there) <= 0 || nfct_attr_is_set(flow, back) <= 0) {
    return std::nullopt;
  }
  return nfct_get_attr_u64(flow, there) + nfct_get_attr_u64(flow, back);
}

std::optional<Flow> FlowOf(const nf_conntrack* found) {
  const auto source = AddressOf(found, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC);
  const auto asked = AddressOf(found, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST);
  const auto answers = AddressOf(found, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC);
  if (!source || !asked || !answers) {
    return std::nullopt;
  }
  Flow flow{*source, *asked, 0, {*answers, nfct_get_attr_u8(found, ATTR_ORIG_L4PROTO), 0, 0}};
  if (HasPorts(flow.packet.protocol)) {
    flow.asked_port = PortOf(found, ATTR_ORIG_PORT_DST);
    flow.packet.port = PortOf(found, ATTR_REPL_PORT_SRC);
  } else if (nfct_attr_is_set(found, ATTR_ICMP_TYPE) > 0) {
    flow.packet.icmp_type = nfct_get_attr_u8(found, ATTR_ICMP_TYPE);
  }
  flow.packets = CountOf(found, ATTR_ORIG_COUNTER_PACKETS, ATTR_REPL_COUNTER_PACKETS);
  flow.octets = CountOf(found, ATTR_ORIG_COUNTER_BYTES, ATTR_REPL_COUNTER_BYTES);
  if (const auto master = MasterPacketOf(found)) {
    flow.packet = *master;
    flow.source =
        AddressOf(found, ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV6_SRC).value_or(flow.source);
  }
  return flow;
}

struct Search {
  const std::function<bool(const Flow&)>& unwanted;
  std::vector<Entry> found;
};

int Keep(nf_conntrack_msg_type, nf_conntrack* found, void* data) {
  auto* search = static_cast<Search*>(data);
  const auto flow = FlowOf(found);
  if (!flow || !search->unwanted(*flow)) {
    return NFCT_CB_CONTINUE;
  }
  search->found.emplace_back(found);
  return NFCT_CB_STOLEN;
}

// Of both families at once: what a dump costs is mostly the walk through all of the kernel's
// buckets.
absl::Status Find(Search& search) {
  const absl::StatusOr<Handle> handle = Open();
  if (!handle.ok()) {
    return handle.status();
  }
  nfct_callback_register(handle->get(), NFCT_T_ALL, &Keep, &search);
  const uint32_t family = AF_UNSPEC;
  if (nfct_query(handle->get(), NFCT_Q_DUMP, &family) < 0) {
    return absl::ErrnoToStatus(errno, "conntrack dump");
  }
  return absl::OkStatus();
}

// Counts those that were still there. One that cannot be deleted (some kernels keep what a
// flowtable holds) does not save the others.
absl::Status Delete(const std::vector<Entry>& flows, size_t& count) {
  const absl::StatusOr<Handle> handle = Open();
  if (!handle.ok()) {
    return handle.status();
  }
  absl::Status status;
  for (const Entry& flow : flows) {
    if (nfct_query(handle->get(), NFCT_Q_DESTROY, flow.get()) == 0) {
      ++count;
    } else if (errno != ENOENT) {
      status.Update(absl::ErrnoToStatus(errno, "conntrack delete"));
    }
  }
  return status;
}

}  // namespace

absl::StatusOr<size_t> ForgetFlows(const std::function<bool(const Flow&)>& unwanted) {
  Search search{unwanted, {}};
  size_t count = 0;
  absl::Status status = Find(search);
  if (!search.found.empty()) {
    status.Update(Delete(search.found, count));
  }
  if (!status.ok()) {
    return status;
  }
  return count;
}

bool IsDns(const Flow& flow) { return flow.asked_port == kDnsPort; }

}  // namespace dnspin
