#include "resolver/listener.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace dnspin {
namespace {

constexpr uint16_t kDnsPort = 53;

Family FamilyOf(int fd) {
  int domain = AF_INET;
  socklen_t octets = sizeof(domain);
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &octets);
  return domain == AF_INET6 ? Family::kIpv6 : Family::kIpv4;
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// Where a datagram came in: our address and the interface.
struct Arrival {
  Address local;
  uint32_t interface_index = 0;
};

std::optional<Arrival> ArrivalOf(const msghdr& header) {
  auto* const mutable_header = const_cast<msghdr*>(&header);
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(mutable_header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      return Arrival{AddressOf(info.ipi_addr), static_cast<uint32_t>(info.ipi_ifindex)};
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      return Arrival{AddressOf(info.ipi6_addr), info.ipi6_ifindex};
    }
  }
  return std::nullopt;
}

template <typename Info>
void PutControl(msghdr& header, int level, int type, const Info& info) {
  header.msg_controllen = CMSG_SPACE(sizeof(info));
  cmsghdr* const part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof(info));
  std::memcpy(CMSG_DATA(part), &info, sizeof(info));
}

// The reply's own source: the address and interface of the question.
void PutSource(msghdr& header, const ReturnPath& path) {
  const auto bytes = path.local.bytes();
  if (path.local.family() == Family::kIpv4) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(path.interface_index);
    std::memcpy(&info.ipi_spec_dst, bytes.data(), bytes.size());
    PutControl(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = path.interface_index;
    std::memcpy(&info.ipi6_addr, bytes.data(), bytes.size());
    PutControl(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

msghdr& DatagramBatch::Headers::Prepare(size_t i, void* data, size_t octets) {
  parts[i] = {data, octets};
  messages[i] = {};
  msghdr& header = messages[i].msg_hdr;
  header.msg_name = peers[i].get();
  header.msg_namelen = sizeof(sockaddr_storage);
  header.msg_iov = &parts[i];
  header.msg_iovlen = 1;
  header.msg_control = control[i].data();
  header.msg_controllen = control[i].size();
  return header;
}

bool ClientPlace::Holds(const Address& source) const {
  return !interface_indexes.empty() &&
         std::find(addresses.begin(), addresses.end(), source) != addresses.end();
}

bool ClientPlace::Holds(const ReturnPath& path) const {
  return Holds(path.client.address) && std::find(interface_indexes.begin(), interface_indexes.end(),
                                                 path.interface_index) != interface_indexes.end();
}

DatagramListener::DatagramListener(Descriptor fd, DatagramBatch& batch, CountersReport& counters)
    : fd_(std::move(fd)), batch_(batch), counters_(counters), family_(FamilyOf(fd_.get())) {
  SetOption(fd_.get(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  // Never fragmented, and no path MTU that anyone claims is believed (RFC 9715).
  if (family_ == Family::kIpv4) {
    SetOption(fd_.get(), IPPROTO_IP, IP_PKTINFO, 1);
    SetOption(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  } else {
    SetOption(fd_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    SetOption(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  }
}

std::optional<ReturnPath> DatagramListener::PathOf(const msghdr& header,
                                                   const SocketAddress& source) const {
  const auto from = source.Read();
  const auto arrival = ArrivalOf(header);
  if (!from || !arrival || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || from->port == 0 ||
      from->port == kDnsPort) {
    return std::nullopt;
  }
  ReturnPath path;
  path.transport = Transport::kUdp;
  path.client = *from;
  path.local = arrival->local;
  path.interface_index = arrival->interface_index;
  return place_.Holds(path) ? std::optional(path) : std::nullopt;
}

// What did not fit the socket's buffer was received too, in a way.
void DatagramListener::CountOverflow(const msghdr& header) {
  auto* const mutable_header = const_cast<msghdr*>(&header);
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(mutable_header, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
      uint32_t dropped = 0;
      std::memcpy(&dropped, CMSG_DATA(part), sizeof(dropped));
      const uint32_t more = dropped - overflow_.value_or(dropped);  // it may wrap
      overflow_ = dropped;
      counters_.received += more;
      counters_.dropped += more;
      counters_.over_rate += more;
    }
  }
}

size_t DatagramListener::Read(size_t most, const TakePacket& take) {
  DatagramBatch::Headers& in = batch_.in;
  for (size_t i = 0; i < DatagramBatch::kCount; ++i) {
    in.Prepare(i, batch_.packets[i].data(), DatagramBatch::kOctets);
  }
  const auto wanted = static_cast<unsigned>(std::min(most, DatagramBatch::kCount));
  const int taken = recvmmsg(fd_.get(), in.messages.data(), wanted, MSG_DONTWAIT, nullptr);
  const auto count = static_cast<size_t>(std::max(taken, 0));
  for (size_t i = 0; i < count; ++i) {
    ++counters_.received;
    CountOverflow(in.messages[i].msg_hdr);
    const auto path = PathOf(in.messages[i].msg_hdr, in.peers[i]);
    if (path) {
      take(std::span<const uint8_t>(batch_.packets[i]).first(in.messages[i].msg_len), *path);
    } else {
      Count(Ending::kDropped, counters_);
    }
  }
  return count;
}

void DatagramListener::Queue(const ReturnPath& path, std::string message, Ending ending) {
  if (!place_.Holds(path)) {
    Count(Ending::kDropped, counters_);  // its address or interface was taken away meanwhile
    return;
  }
  queue_.push_back({path, std::move(message), ending});
  if (queue_.size() >= DatagramBatch::kCount) {
    Flush();
  }
}

void DatagramListener::Flush() {
  if (queue_.empty()) {
    return;
  }
  DatagramBatch::Headers& out = batch_.out;
  for (size_t i = 0; i < queue_.size(); ++i) {
    auto& [path, message, ending] = queue_[i];
    msghdr& header = out.Prepare(i, message.data(), message.size());
    out.peers[i] = SocketAddress(path.client, path.interface_index);
    header.msg_namelen = out.peers[i].octets;
    PutSource(header, path);
  }
  for (size_t sent = 0; sent < queue_.size();) {
    const int count = sendmmsg(fd_.get(), &out.messages[sent],
                               static_cast<unsigned>(queue_.size() - sent), MSG_DONTWAIT);
    if (count > 0) {
      for (int i = 0; i < count; ++i) {
        Count(queue_[sent++].ending, counters_);
      }
      continue;
    }
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
    const size_t lost = full ? queue_.size() - sent : 1;  // else only this one cannot go
    counters_.dropped += lost;
    sent += lost;
  }
  queue_.clear();
}

}  // namespace dnspin
