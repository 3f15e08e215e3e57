#include "nft/held_queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr uint32_t kCopyOctets = 4400;   // an answer of 4,096 octets; what is cut says so
constexpr int kReceiveBuffer = 8 << 20;  // a full queue of large answers
constexpr size_t kGathered = 64 << 10;   // octets of verdicts in one system call
constexpr size_t kVerdictOctets = 128;   // without the packet
constexpr uint32_t kFlags = NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO;

// As the kernel compares them, whose numbers wrap.
bool IsLater(uint32_t packet, uint32_t than) { return static_cast<int32_t>(packet - than) > 0; }

}  // namespace

absl::StatusOr<std::unique_ptr<HeldQueue>> HeldQueue::Open(uint16_t number,
                                                           const HeldQueueTerms& terms) {
  auto socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) {
    return socket.status();
  }
  std::unique_ptr<HeldQueue> queue(new HeldQueue(*std::move(socket), number));
  if (auto status = queue->Configure(terms); !status.ok()) {
    return status;
  }
  return queue;
}

absl::Status HeldQueue::Configure(const HeldQueueTerms& terms) {
  setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  std::array<char, 512> buffer{};
  const auto open = [&] { return nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_); };
  const auto ask = [&](nlmsghdr* request) {
    request->nlmsg_flags |= NLM_F_ACK;
    request->nlmsg_seq = socket_.NextSequence();
    return socket_.Ask(*request, [](const nlmsghdr&) {});
  };
  nlmsghdr* request = open();
  nfq_nlmsg_cfg_put_cmd(request, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
  if (auto status = ask(request); !status.ok()) {
    const bool taken = socket_.error() == EBUSY || socket_.error() == EPERM;
    return taken ? absl::AlreadyExistsError("another process has this queue") : status;
  }
  request = open();
  nfq_nlmsg_cfg_put_params(request, NFQNL_COPY_PACKET, kCopyOctets);
  nfq_nlmsg_cfg_put_qmaxlen(request, terms.length);
  // Without NFQA_CFG_F_GSO the kernel takes packets apart and completes their checksums first.
  mnl_attr_put_u32(request, NFQA_CFG_FLAGS,
                   htonl(terms.fail_open ? uint32_t{NFQA_CFG_F_FAIL_OPEN} : 0));
  mnl_attr_put_u32(request, NFQA_CFG_MASK, htonl(kFlags));
  return ask(request);
}

HeldQueue::~HeldQueue() {
  Flush();
  std::array<char, 128> buffer{};
  nlmsghdr* const request = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_);
  nfq_nlmsg_cfg_put_cmd(request, AF_UNSPEC, NFQNL_CFG_CMD_UNBIND);
  (void)socket_.Send({buffer.data(), request->nlmsg_len});
}

void HeldQueue::Decide(const HeldVerdict& verdict) {
  if (!latest_ || IsLater(verdict.packet, *latest_)) {
    latest_ = verdict.packet;
  }
  const size_t begin = verdicts_.size();
  verdicts_.resize(begin + kVerdictOctets + verdict.octets.size());
  nlmsghdr* const message = nfq_nlmsg_put(verdicts_.data() + begin, NFQNL_MSG_VERDICT, number_);
  const bool drops = verdict.kind == HeldVerdict::Kind::kDrop;
  nfq_nlmsg_verdict_put(message, static_cast<int>(verdict.packet), drops ? NF_DROP : NF_ACCEPT);
  if (verdict.kind == HeldVerdict::Kind::kReplace) {
    nfq_nlmsg_verdict_put_pkt(message, verdict.octets.data(),
                              static_cast<uint32_t>(verdict.octets.size()));
  }
  DNSPIN_CHECK(begin + MNL_ALIGN(message->nlmsg_len) <= verdicts_.size());
  verdicts_.resize(begin + MNL_ALIGN(message->nlmsg_len));
  if (verdicts_.size() >= kGathered) {
    Flush();
  }
}

void HeldQueue::DropForgotten() {
  if (forgotten_) {
    std::array<char, kVerdictOctets> buffer{};
    nlmsghdr* const message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_VERDICT_BATCH, number_);
    nfq_nlmsg_verdict_put(message, static_cast<int>(*forgotten_), NF_DROP);
    (void)socket_.Send({buffer.data(), message->nlmsg_len});
  }
  forgotten_ = latest_;
}

// No reply is asked for: the kernel speaks to who reads, and says there that a packet had gone.
void HeldQueue::Flush() {
  if (!verdicts_.empty()) {
    (void)socket_.Send(verdicts_);
    verdicts_.clear();
  }
}

}  // namespace dnspin
