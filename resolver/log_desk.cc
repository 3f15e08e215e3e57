#include "resolver/log_desk.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "io/packet_pair.h"
#include "resolver/packet_log.h"

namespace dnspin {
namespace {

constexpr size_t kDatagramOctets = 16384;  // as many as the kernel gathers
constexpr int kDatagramsMax = 16;          // of one read

}  // namespace

absl::Status LogDesk::Start() {
  auto watch = reactor_.Add(log_.get(), [this](Ready) { Read(); });
  if (watch.ok()) {
    watch_ = *std::move(watch);
  }
  return watch.status();
}

void LogDesk::Read() {
  static std::array<uint8_t, kDatagramOctets> room;
  for (int i = 0; i < kDatagramsMax; ++i) {
    const ssize_t taken = recv(log_.get(), room.data(), room.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (taken <= 0) {
      break;  // nothing more, or some were lost
    }
    const auto octets = std::min(static_cast<size_t>(taken), room.size());
    ReadPacketLog(std::span(room).first(octets), static_cast<size_t>(taken) > octets,
                  [this](const LoggedPacket& packet) {
                    packets_.push_back(packet);
                    if (packets_.size() == kLoggedPacketsMax) {
                      Tell();
                    }
                  });
  }
  Tell();
}

// What dnspind does not take at once is lost: nothing hangs on it.
void LogDesk::Tell() {
  if (!packets_.empty()) {
    (void)SendPacket(channel_.get(), Encode(packets_));
    packets_.clear();
  }
}

}  // namespace dnspin
