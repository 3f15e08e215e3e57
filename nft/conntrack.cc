#include "nft/conntrack.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "absl/status/status.h"

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr time_t kAnswerSeconds = 5;  // of a dump; the kernel needs milliseconds

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using Handle = std::unique_ptr<nfct_handle, FreeWith<&nfct_close>>;
using Flow = std::unique_ptr<nf_conntrack, FreeWith<&nfct_destroy>>;

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

bool IsFrom(const nf_conntrack* flow, const Address& client) {
  const bool ipv4 = client.family() == Family::kIpv4;
  const void* source = nfct_get_attr(flow, ipv4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC);
  return source != nullptr && std::equal(client.bytes().begin(), client.bytes().end(),
                                         static_cast<const uint8_t*>(source));
}

bool IsDns(const nf_conntrack* flow) {
  const uint8_t protocol = nfct_get_attr_u8(flow, ATTR_ORIG_L4PROTO);
  return (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP) &&
         nfct_get_attr_u16(flow, ATTR_ORIG_PORT_DST) == htons(kDnsPort);
}

struct Search {
  std::vector<Address> clients;  // of one family
  std::vector<Flow> found;
};

int Keep(nf_conntrack_msg_type, nf_conntrack* flow, void* data) {
  auto* search = static_cast<Search*>(data);
  const bool wanted =
      IsDns(flow) && std::any_of(search->clients.begin(), search->clients.end(),
                                 [flow](const Address& client) { return IsFrom(flow, client); });
  if (!wanted) {
    return NFCT_CB_CONTINUE;
  }
  search->found.emplace_back(flow);
  return NFCT_CB_STOLEN;
}

absl::Status Find(Family family, Search& search) {
  const absl::StatusOr<Handle> handle = Open();
  if (!handle.ok()) {
    return handle.status();
  }
  const uint32_t wanted = family == Family::kIpv4 ? AF_INET : AF_INET6;
  nfct_callback_register(handle->get(), NFCT_T_ALL, &Keep, &search);
  if (nfct_query(handle->get(), NFCT_Q_DUMP, &wanted) < 0) {
    return absl::ErrnoToStatus(errno, "conntrack dump");
  }
  return absl::OkStatus();
}

// How many of them were still there.
absl::StatusOr<size_t> Delete(const std::vector<Flow>& flows) {
  const absl::StatusOr<Handle> handle = Open();
  if (!handle.ok()) {
    return handle.status();
  }
  size_t count = 0;
  for (const Flow& flow : flows) {
    if (nfct_query(handle->get(), NFCT_Q_DESTROY, flow.get()) == 0) {
      ++count;
    } else if (errno != ENOENT) {
      return absl::ErrnoToStatus(errno, "conntrack delete");
    }
  }
  return count;
}

}  // namespace

absl::StatusOr<size_t> ForgetDnsFlows(std::span<const Address> clients) {
  size_t count = 0;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    Search search;
    std::copy_if(clients.begin(), clients.end(), std::back_inserter(search.clients),
                 [family](const Address& client) { return client.family() == family; });
    if (search.clients.empty()) {
      continue;
    }
    if (absl::Status status = Find(family, search); !status.ok()) {
      return status;
    }
    if (search.found.empty()) {
      continue;
    }
    const absl::StatusOr<size_t> deleted = Delete(search.found);
    if (!deleted.ok()) {
      return deleted.status();
    }
    count += *deleted;
  }
  return count;
}

}  // namespace dnspin
