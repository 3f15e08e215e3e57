#include "nft/ruleset_watch.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "nft/client_chain.h"
#include "nft/network_sets.h"
#include "nft/shared_chains.h"
#include "nft/table_view.h"

namespace dnspin {
namespace {

constexpr int kReceiveBuffer = 64 << 20;  // the kernel uses what there is to be told, no more
constexpr size_t kOwnPortsMax = 32;
constexpr int kDatagramsPerDrain = 4096;

// In every event about something in a table, attribute 1 names the table (linux/nf_tables.h).
constexpr uint16_t kTableName = NFTA_TABLE_NAME;
static_assert(int{NFTA_RULE_TABLE} == int{kTableName} && int{NFTA_CHAIN_TABLE} == int{kTableName} &&
              int{NFTA_SET_TABLE} == int{kTableName} &&
              int{NFTA_SET_ELEM_LIST_TABLE} == int{kTableName});

std::string_view Attribute(const nlmsghdr& event, uint16_t type) {
  const auto value = FindAttribute(event, sizeof(nfgenmsg), type);
  return value ? std::string_view(reinterpret_cast<const char*>(value->data()), value->size())
               : std::string_view();
}

// Without the NUL at its end.
std::string_view Text(const nlmsghdr& event, uint16_t type) {
  const std::string_view text = Attribute(event, type);
  return text.substr(0, text.find('\0'));
}

std::optional<uint32_t> Number(const nlmsghdr& event, uint16_t type) {
  const std::string_view bytes = Attribute(event, type);
  uint32_t number = 0;
  if (bytes.size() != sizeof(number)) {
    return std::nullopt;
  }
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&number));
  return ntohl(number);
}

bool IsOwnChain(std::string_view name) {
  constexpr std::array<std::string_view, 5> kShared = {"forward", "qubes-forward", "prerouting",
                                                       "postrouting", "output"};
  return IsClientChain(name) || std::find(kShared.begin(), kShared.end(), name) != kShared.end();
}

bool IsOwnSet(std::string_view name) {
  constexpr std::array<std::string_view, 8> kShared = {
      "clients", "doors", "dns-addr", "connected", "sources", "upstreams", "replies", "held"};
  return IsClientSet(name) || IsNetworkSet(name) ||
         std::find(kShared.begin(), kShared.end(), name) != kShared.end();
}

bool IsOwnRule(const nlmsghdr& event) {
  return IsClientChain(Text(event, NFTA_RULE_CHAIN)) ||
         Attribute(event, NFTA_RULE_USERDATA).find(kOwnComment) != std::string_view::npos;
}

// In a table that is ours.
bool IsDisturbance(const nlmsghdr& event) {
  switch (NFNL_MSG_TYPE(event.nlmsg_type)) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      return true;
    case NFT_MSG_NEWCHAIN:  // of one that is there: another policy
    case NFT_MSG_DELCHAIN:
      return IsOwnChain(Text(event, NFTA_CHAIN_NAME));
    case NFT_MSG_NEWRULE:  // theirs alone: where others have theirs too, they may
      return IsClientChain(Text(event, NFTA_RULE_CHAIN));
    case NFT_MSG_DELRULE:
      return IsOwnRule(event);
    case NFT_MSG_DELSET:
      return IsOwnSet(Text(event, NFTA_SET_NAME));
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
      return IsOwnSet(Text(event, NFTA_SET_ELEM_LIST_SET));
    default:
      return false;
  }
}

// In Qubes OS' own table we have rules only.
bool IsDisturbanceOfQubes(const nlmsghdr& event) {
  const auto type = NFNL_MSG_TYPE(event.nlmsg_type);
  return (type == NFT_MSG_NEWCHAIN && Text(event, NFTA_CHAIN_NAME) == kQubesInputChain) ||
         (type == NFT_MSG_DELRULE && IsOwnRule(event));
}

// Who is there, as Qubes OS has it.
bool IsAboutAllowed(const nlmsghdr& event) {
  switch (NFNL_MSG_TYPE(event.nlmsg_type)) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      return true;
    case NFT_MSG_NEWSET:
    case NFT_MSG_DELSET:
      return Text(event, NFTA_SET_NAME) == kAllowedSet;
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
      return Text(event, NFTA_SET_ELEM_LIST_SET) == kAllowedSet;
    default:
      return false;
  }
}

// A process may call itself anything.
std::string Printable(std::string_view name) {
  std::string printable(name);
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

}  // namespace

RulesetWatch::RulesetWatch(NetlinkSocket socket, const std::string& table)
    : socket_(std::move(socket)),
      tables_{table, std::string(kDoorsTable)},
      buffer_(NetlinkSocket::kDatagramOctets) {}

absl::StatusOr<RulesetWatch> RulesetWatch::Create(const std::string& table) {
  constexpr std::array<int, 1> kGroups = {NFNLGRP_NFTABLES};
  auto socket = NetlinkSocket::Open(NETLINK_NETFILTER, kGroups);
  if (!socket.ok()) {
    return socket.status();
  }
  // Without it the default holds; what does not fit is noticed as lost.
  ::setsockopt(socket->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  return RulesetWatch(*std::move(socket), table);
}

absl::Status RulesetWatch::LearnOwn(uint32_t port_id) {
  own_ports_.insert(port_id);
  if (const auto drained = Drain(); !drained.ok()) {
    return drained.status();
  }
  return own_pid_ ? absl::OkStatus()
                  : absl::InternalError("the kernel does not tell of our own transactions");
}

// One large change of ours makes more events than any buffer holds.
absl::Status RulesetWatch::FilterOwn() {
  // nlmsg_pid, which is in the machine's own order; a filter reads in the network's.
  std::vector<sock_filter> code = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid))};
  for (const uint32_t port : own_ports_) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, UINT32_MAX));
  const sock_fprog program{static_cast<uint16_t>(code.size()), code.data()};
  if (::setsockopt(socket_.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
    return absl::ErrnoToStatus(errno, "netlink filter");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> RulesetWatch::Drain() {
  bool lost = false;
  for (int i = 0; i < kDatagramsPerDrain; ++i) {
    const absl::Status status = Receive();
    if (absl::IsDeadlineExceeded(status)) {
      break;
    }
    if (!status.ok() && socket_.error() != ENOBUFS) {
      return status;
    }
    if (!status.ok()) {
      touched_ = false;
      lost = true;
      doors_touched_ = true;
      allowed_touched_ = true;
    }
  }
  if (std::exchange(learnt_, false)) {
    if (absl::Status status = FilterOwn(); !status.ok()) {
      return status;
    }
  }
  auto disturbed_by = std::exchange(disturbed_by_, std::nullopt);
  if (lost && !disturbed_by) {
    return absl::DataLossError("more events than fit");
  }
  return disturbed_by;
}

absl::Status RulesetWatch::Receive() {
  const auto datagram = socket_.Receive(buffer_, NetlinkSocket::Time());
  if (!datagram.ok()) {
    return datagram.status();
  }
  int left = static_cast<int>(datagram->size());
  const auto* event = reinterpret_cast<const nlmsghdr*>(datagram->data());
  for (; mnl_nlmsg_ok(event, left); event = mnl_nlmsg_next(event, &left)) {
    if (NFNL_SUBSYS_ID(event->nlmsg_type) == NFNL_SUBSYS_NFTABLES &&
        mnl_nlmsg_get_payload_len(event) >= sizeof(nfgenmsg)) {
      Take(*event);
    }
  }
  return absl::OkStatus();
}

// The events of a transaction come together, and the new generation's last.
void RulesetWatch::Take(const nlmsghdr& event) {
  if (NFNL_MSG_TYPE(event.nlmsg_type) == NFT_MSG_NEWGEN) {
    EndTransaction(event);
  } else {
    const bool concerns = Concerns(event);
    touched_ = touched_ || concerns;
    doors_touched_ = doors_touched_ || (concerns && Text(event, kTableName) == kDoorsTable);
    allowed_touched_ =
        allowed_touched_ || (Text(event, kTableName) == kQubesTable && IsAboutAllowed(event));
  }
}

void RulesetWatch::EndTransaction(const nlmsghdr& generation) {
  const bool touched = std::exchange(touched_, false);
  const auto pid = Number(generation, NFTA_GEN_PROC_PID);
  if (!own_pid_ && own_ports_.contains(generation.nlmsg_pid)) {
    own_pid_ = pid;
    learnt_ = true;
  }
  if (pid && pid == own_pid_) {
    learnt_ = own_ports_.insert(generation.nlmsg_pid).second || learnt_;
    if (own_ports_.size() > kOwnPortsMax) {
      own_ports_ = {generation.nlmsg_pid};  // the others' are known by their process, only later
    }
  }
  if (touched && (!pid || pid != own_pid_)) {
    disturbed_by_ = fmt::format("{} (pid {})", Printable(Text(generation, NFTA_GEN_PROC_NAME)),
                                pid.value_or(0));
  }
}

bool RulesetWatch::Concerns(const nlmsghdr& event) const {
  const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&event));
  if (header->nfgen_family != NFPROTO_IPV4 && header->nfgen_family != NFPROTO_IPV6) {
    return false;
  }
  const std::string_view table = Text(event, kTableName);
  return tables_.contains(table) ? IsDisturbance(event)
                                 : table == kQubesTable && IsDisturbanceOfQubes(event);
}

}  // namespace dnspin
