#pragma once
// Knows: what the kernel says in a queue's socket of a packet that waits. Touches nothing.

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <cstdint>
#include <string>

#include "tests/unit/packet_bytes.h"

namespace dnspin::bytes {

template <typename T>
std::string Raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline std::string Attribute(uint16_t type, const std::string& value) {
  const nlattr header{static_cast<uint16_t>(sizeof(nlattr) + value.size()), type};
  return Raw(header) + value + Zeros((4 - value.size() % 4) % 4);
}

inline std::string Told(uint32_t number, const std::string& packet) {
  const std::string rest = Raw(nfgenmsg{AF_INET, 0, 0}) +
                           Attribute(NFQA_PACKET_HDR, U32(number) + U16(0x0800) + O(2)) +
                           Attribute(NFQA_PAYLOAD, packet);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + rest.size());
  header.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
  return Raw(header) + rest;
}

}  // namespace dnspin::bytes
