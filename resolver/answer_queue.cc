#include "resolver/answer_queue.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "resolver/packet_log.h"

namespace dnspin {

void AnswerQueue::Place(Taker& taker, std::span<const Address> addresses) {
  Leave(taker);
  takers_.push_back(&taker);
  for (const Address& address : addresses) {
    by_address_[address] = &taker;
  }
}

void AnswerQueue::Leave(const Taker& taker) {
  std::erase(takers_, &taker);
  absl::erase_if(by_address_, [&](const auto& entry) { return entry.second == &taker; });
}

void AnswerQueue::Read() {
  struct Room {
    std::array<std::array<uint8_t, kDatagramOctets>, kDatagrams> datagrams;
    std::array<iovec, kDatagrams> parts;
    std::array<mmsghdr, kDatagrams> messages;
  };
  static const auto room = std::make_unique<Room>();  // for all of the process: one reads at a time
  for (size_t i = 0; i < kDatagrams; ++i) {
    room->parts[i] = {room->datagrams[i].data(), kDatagramOctets};
    room->messages[i] = {};
    room->messages[i].msg_hdr.msg_iov = &room->parts[i];
    room->messages[i].msg_hdr.msg_iovlen = 1;
  }
  const auto stays = shared_from_this();  // also if the last of its clients leaves meanwhile
  ++reads_;
  const int taken =
      recvmmsg(socket_.get(), room->messages.data(), kDatagrams, MSG_DONTWAIT, nullptr);
  if (taken < 0 && errno == ENOBUFS && !takers_.empty()) {
    takers_.back()->OnOverrun();
  }
  for (int i = 0; i < taken; ++i) {
    const auto& message = room->messages.at(static_cast<size_t>(i));
    const bool cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    const auto datagram = std::span<const uint8_t>(room->datagrams.at(static_cast<size_t>(i)))
                              .first(std::min<size_t>(message.msg_len, kDatagramOctets));
    ReadHeldPackets(datagram, cut, [this](const HeldPacket& packet) { Hand(packet); });
  }
}

void AnswerQueue::Hand(const HeldPacket& packet) {
  const auto read = packet.whole ? ReadQueuedPacket(packet.octets) : PacketFault::kCut;
  const auto* const queued = std::get_if<QueuedPacket>(&read);
  const auto header = ReadLoggedPacket(packet.octets);  // of what cannot be read otherwise, too
  const auto found = header ? by_address_.find(header->destination) : by_address_.end();
  if (found == by_address_.end()) {
    Drop(packet.number);
  } else if (queued == nullptr) {
    found->second->DropHeld(*this, packet.number);
  } else if (!found->second->TakeHeld(*this, packet, *queued)) {
    Drop(packet.number);
  }
}

// By somebody. Who has left the meantime says nothing: dnspind drops what was forgotten.
void AnswerQueue::Drop(uint32_t packet) {
  if (!takers_.empty()) {
    takers_.back()->DropHeld(*this, packet);
  }
}

absl::StatusOr<std::shared_ptr<AnswerQueue>> AnswerQueues::Of(uint16_t number, Descriptor socket) {
  uint64_t cookie = 0;
  socklen_t octets = sizeof(cookie);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &octets) != 0) {
    return absl::ErrnoToStatus(errno, "a queue's socket");
  }
  std::erase_if(by_socket_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = by_socket_[cookie];
  if (auto queue = known.lock(); queue != nullptr && queue->number() == number) {
    return queue;
  }
  auto queue = std::make_shared<AnswerQueue>(number, std::move(socket));
  auto watch = reactor_.Add(queue->socket_.get(), [raw = queue.get()](Ready) { raw->Read(); });
  if (!watch.ok()) {
    return watch.status();
  }
  queue->watch_ = *std::move(watch);
  known = queue;
  return queue;
}

}  // namespace dnspin
