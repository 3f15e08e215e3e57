#pragma once
// Knows: one TCP connection of a client: messages with their two octets of length, pipelined,
// answered in any order; how long it may idle, dawdle or not read (hardening.md R-a8, R-a9).
// Touches: its socket.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "io/descriptor.h"
#include "pinning/clock.h"
#include "resolver/return_path.h"

namespace dnspin {

class StreamConnection {
 public:
  static constexpr size_t kQuestionsOpenMax = 64;  // more are left unread for now
  static constexpr size_t kQuestionsMax = 1000;    // then it ends, when all are answered
  static constexpr size_t kUnsentOctetsMax = 64 << 10;
  static constexpr std::chrono::seconds kIdleMax{10};
  static constexpr std::chrono::seconds kMessageMax{5};  // from its first octet to its last
  static constexpr std::chrono::seconds kStuckMax{5};    // without the client reading anything

  // The counters outlive it.
  StreamConnection(Descriptor fd, const ReturnPath& path, CountersReport& counters, BootTime now)
      : fd_(std::move(fd)), path_(path), counters_(&counters), quiet_since_(now) {}

  int fd() const { return fd_.get(); }
  const ReturnPath& path() const { return path_; }

  void Read(BootTime now);
  bool HasNext() const {
    return !ended_ && open_ < kQuestionsOpenMax && HasWholeMessage() && taken_ < kQuestionsMax;
  }
  // The next whole message that may be looked at now. Each is followed by one Answer or one Ignore.
  std::optional<std::string> Next(BootTime now);
  void Answer(const std::string& message, Ending ending, BootTime now);
  void Ignore() { --open_; }
  void Write(BootTime now);
  void HangUp() { ended_ = true; }
  void DropUnsent();  // it has ended

  bool WantsRead() const { return !ended_ && !no_more_ && open_ < kQuestionsOpenMax; }
  bool WantsWrite() const { return !ended_ && !out_.empty(); }
  bool Ended(BootTime now) const;
  BootTime Deadline() const;

 private:
  struct Unsent {
    size_t octets;  // of `out_` that are its own
    Ending ending;
  };

  bool HasWholeMessage() const;
  void CountSent(size_t octets);
  bool Waits() const;  // for the rest of a message

  Descriptor fd_;
  ReturnPath path_;
  CountersReport* counters_;
  std::string in_;
  std::string out_;
  std::deque<Unsent> unsent_;  // what `out_` is made of; of the first, a part may have been sent
  size_t open_ = 0;            // questions taken and not answered
  size_t taken_ = 0;
  bool no_more_ = false;  // the client has sent all it will, or all it may
  bool ended_ = false;
  BootTime quiet_since_;    // nothing was asked or answered since
  BootTime message_since_;  // its first octets came then
  BootTime stuck_since_;    // nothing was sent since
};

}  // namespace dnspin
