#include "nft/firewall_log.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace dnspin {
namespace {

constexpr uint32_t kGathered = 16;               // packets, or
constexpr uint32_t kGatheredForHundredths = 10;  // of a second, are handed over as one
constexpr uint32_t kGatheredOctets = 8192;

absl::Status AskOfGroup(NetlinkSocket& socket, const std::function<void(nlmsghdr*)>& put) {
  std::array<char, 512> buffer{};
  nlmsghdr* const request =
      nflog_nlmsg_put_header(buffer.data(), NFULNL_MSG_CONFIG, AF_UNSPEC, kLogGroup);
  put(request);
  request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = socket.NextSequence();
  return socket.Ask(*request, [](const nlmsghdr&) {});
}

}  // namespace

absl::StatusOr<NetlinkSocket> OpenFirewallLog() {
  auto socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) {
    return socket;
  }
  absl::Status status = AskOfGroup(
      *socket, [](nlmsghdr* request) { nflog_attr_put_cfg_cmd(request, NFULNL_CFG_CMD_BIND); });
  if (!status.ok()) {
    return socket->error() == EBUSY ? absl::AlreadyExistsError("another process has its group")
                                    : status;
  }
  status = AskOfGroup(*socket, [](nlmsghdr* request) {
    nflog_attr_put_cfg_mode(request, NFULNL_COPY_PACKET, kLogOctetsMax);
    mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, htonl(kGathered));
    mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, htonl(kGatheredForHundredths));
    mnl_attr_put_u32(request, NFULA_CFG_NLBUFSIZ, htonl(kGatheredOctets));
  });
  if (!status.ok()) {
    return status;
  }
  return socket;
}

}  // namespace dnspin
