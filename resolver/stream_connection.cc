#include "resolver/stream_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kLengthOctets = 2;

bool IsNotReady(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

size_t LengthAt(const std::string& text) { return OctetReader(AsOctets(text)).U16(); }

}  // namespace

bool StreamConnection::HasWholeMessage() const {
  return in_.size() >= kLengthOctets && in_.size() >= kLengthOctets + LengthAt(in_);
}

bool StreamConnection::Waits() const { return !in_.empty() && !HasWholeMessage(); }

void StreamConnection::Read(BootTime now) {
  if (!WantsRead()) {
    return;
  }
  std::array<char, 16384> buffer;
  const ssize_t octets = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (octets > 0) {
    if (in_.empty()) {
      message_since_ = now;
    }
    in_.append(buffer.data(), static_cast<size_t>(octets));
  } else if (octets == 0) {
    no_more_ = true;  // what was asked is still answered
  } else if (!IsNotReady(errno)) {
    ended_ = true;
  }
}

std::optional<std::string> StreamConnection::Next(BootTime now) {
  if (!HasNext()) {
    return std::nullopt;
  }
  const size_t length = LengthAt(in_);
  if (length == 0) {
    ended_ = true;
    return std::nullopt;
  }
  std::string message = in_.substr(kLengthOctets, length);
  in_.erase(0, kLengthOctets + length);
  message_since_ = now;
  quiet_since_ = now;
  ++counters_->received;
  ++open_;
  if (++taken_ >= kQuestionsMax) {
    no_more_ = true;
    in_.clear();
  }
  return message;
}

void StreamConnection::Answer(const std::string& message, Ending ending, BootTime now) {
  --open_;
  quiet_since_ = now;
  if (out_.size() > kUnsentOctetsMax) {
    ended_ = true;  // it asks, but does not read
  }
  if (ended_) {
    Count(Ending::kDropped, *counters_);
    return;
  }
  if (out_.empty()) {
    stuck_since_ = now;
  }
  AppendU16(out_, message.size());
  out_ += message;
  unsent_.push_back({kLengthOctets + message.size(), ending});
}

void StreamConnection::Write(BootTime now) {
  if (!WantsWrite()) {
    return;
  }
  const ssize_t octets = send(fd_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (octets > 0) {
    out_.erase(0, static_cast<size_t>(octets));
    CountSent(static_cast<size_t>(octets));
    stuck_since_ = now;
    quiet_since_ = now;
  } else if (octets < 0 && !IsNotReady(errno)) {
    ended_ = true;
  }
}

void StreamConnection::CountSent(size_t octets) {
  while (!unsent_.empty() && unsent_.front().octets <= octets) {
    octets -= unsent_.front().octets;
    Count(unsent_.front().ending, *counters_);
    unsent_.pop_front();
  }
  if (!unsent_.empty()) {
    unsent_.front().octets -= octets;
  }
}

void StreamConnection::DropUnsent() {
  counters_->dropped += unsent_.size();
  unsent_.clear();
}

BootTime StreamConnection::Deadline() const {
  BootTime deadline = BootTime::max();
  if (!out_.empty()) {
    deadline = stuck_since_ + kStuckMax;
  }
  if (Waits()) {
    deadline = std::min(deadline, message_since_ + kMessageMax);
  } else if (open_ == 0 && out_.empty()) {
    deadline = std::min(deadline, quiet_since_ + kIdleMax);
  }
  return deadline;
}

bool StreamConnection::Ended(BootTime now) const {
  const bool done = no_more_ && open_ == 0 && out_.empty() && !HasWholeMessage();
  return ended_ || done || now >= Deadline();
}

}  // namespace dnspin
