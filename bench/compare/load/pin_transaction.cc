#include "bench/compare/load/pin_transaction.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dnspin::bench {

PinTransaction::PinTransaction(std::string_view table, std::string_view set, uint32_t seconds)
    : table_(table),
      set_(set),
      life_(htobe64(uint64_t{1000} * seconds)),
      socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("netlink");
    std::exit(1);
  }
}

void PinTransaction::Begin() {
  size_ = 0;
  EndMessage(Message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  message_ = Message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK,
                     NFPROTO_INET, 0);
  Attribute(NFTA_SET_ELEM_LIST_TABLE, table_.data(), table_.size() + 1);  // they end in a zero
  Attribute(NFTA_SET_ELEM_LIST_SET, set_.data(), set_.size() + 1);
  list_ = Attribute(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, nullptr, 0);
}

void PinTransaction::Add(uint32_t address) {
  const size_t element = Attribute(NFTA_LIST_ELEM | NLA_F_NESTED, nullptr, 0);
  const size_t key = Attribute(NFTA_SET_ELEM_KEY | NLA_F_NESTED, nullptr, 0);
  Attribute(NFTA_DATA_VALUE, &address, sizeof(address));
  EndAttribute(key);
  Attribute(NFTA_SET_ELEM_TIMEOUT, &life_, sizeof(life_));
  EndAttribute(element);
}

void PinTransaction::Commit() {
  EndAttribute(list_);
  EndMessage(message_);
  EndMessage(Message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  alignas(nlmsghdr) std::array<uint8_t, 4096> reply{};
  const ssize_t sent = send(socket_, octets_.data(), size_, 0);
  const ssize_t count = sent < 0 ? sent : recv(socket_, reply.data(), reply.size(), 0);
  nlmsgerr error{};
  if (count >= static_cast<ssize_t>(NLMSG_HDRLEN + sizeof(error))) {
    std::memcpy(&error, reply.data() + NLMSG_HDRLEN, sizeof(error));
  }
  if (count < 0 || error.error != 0) {
    std::fprintf(stderr, "the kernel refuses a pin: %d\n", error.error);
    std::exit(1);
  }
}

void PinTransaction::Put(const void* octets, size_t count) {
  std::memcpy(&octets_[size_], octets, count);
  size_ += count;
  while (size_ % NLMSG_ALIGNTO != 0) {
    octets_[size_++] = 0;
  }
}

size_t PinTransaction::Attribute(uint16_t type, const void* octets, size_t count) {
  const size_t at = size_;
  const nlattr head{static_cast<uint16_t>(sizeof(nlattr) + count), type};
  Put(&head, sizeof(head));
  if (count > 0) {
    Put(octets, count);
  }
  return at;
}

void PinTransaction::EndAttribute(size_t at) {
  const auto length = static_cast<uint16_t>(size_ - at);
  std::memcpy(&octets_[at], &length, sizeof(length));
}

size_t PinTransaction::Message(int type, int flags, int family, uint16_t resource) {
  const size_t at = size_;
  nlmsghdr head{};
  head.nlmsg_type = static_cast<uint16_t>(type);
  head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  head.nlmsg_seq = sequence_++;
  const nfgenmsg more{static_cast<uint8_t>(family), NFNETLINK_V0, htons(resource)};
  Put(&head, sizeof(head));
  Put(&more, sizeof(more));
  return at;
}

void PinTransaction::EndMessage(size_t at) {
  const auto length = static_cast<uint32_t>(size_ - at);
  std::memcpy(&octets_[at], &length, sizeof(length));
}

}  // namespace dnspin::bench
