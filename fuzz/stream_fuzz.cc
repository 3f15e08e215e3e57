// A client's TCP connection: whatever it sends in whatever pieces, whatever is answered when, and
// however little of that it reads. What must hold:
//  - the messages that come out are those in the stream, whole, in order, however it was cut, up to
//    a length of zero, the last that may be asked, or the connection's end;
//  - what the client reads is answers, whole, in the order in which they were given;
//  - what is buffered is bounded both ways, and so are the questions that are open;
//  - whatever was received is counted, and ends once;
//  - who does nothing any more is hung up on.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/script.h"
#include "pinning/check.h"
#include "resolver/octets.h"
#include "resolver/stream_connection.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kReadOctets = 16384;  // of one Read
constexpr size_t kFramedMax = 65535 + 2;

class Play {
 public:
  Play() {
    std::array<int, 2> ends{};
    DNSPIN_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
                 0);
    const int little = 8192;  // so that answers are left over
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    client_ = Descriptor(ends[0]);
    connection_.emplace(Descriptor(ends[1]), ReturnPath{}, counters_, now_);
  }

  void Step(Script& script) {
    const uint8_t step = script.Octet();
    switch (step % 8) {
      case 0:
        Say(script.Text(script.Octet()));
        break;
      case 1:  // a great deal at once: so many messages of one size
        SayMany(script.Octet(), script.Number());
        break;
      case 2:
        Read();
        break;
      case 3:
        AnswerOne(step / 8 % 4, script.Number());
        break;
      case 4:
        IgnoreOne();
        break;
      case 5:
        Write();
        break;
      case 6:
        Hear(script.Number());
        break;
      default:
        Pass(milliseconds(script.Number()), step >= 0x80);
    }
    TakeAll();
    Check();
  }

  // All is answered and heard, and nothing else comes.
  void End() {
    for (size_t before = SIZE_MAX; before != Progress() && !over_;) {
      before = Progress();
      Read();
      while (open_ != 0 && !over_) {
        AnswerOne(0, 1);
        TakeAll();
      }
      Write();
      Hear(SIZE_MAX);
      Check();
    }
    if (!over_) {
      DNSPIN_CHECK(!LengthAt(at_) || taken_ == StreamConnection::kQuestionsMax);
      DNSPIN_CHECK(heard_ == given_.size());
      now_ += seconds(11);
      DNSPIN_CHECK(connection_->Ended(now_));
    }
    connection_->DropUnsent();
    DNSPIN_CHECK(counters_.received == taken_);
    DNSPIN_CHECK(counters_.answered + counters_.refused + counters_.failed + counters_.dropped +
                     open_ + ignored_ ==
                 counters_.received);
  }

 private:
  void Say(std::string_view octets) {
    if (shut_ || over_ || octets.empty()) {
      return;
    }
    const ssize_t said = send(client_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (said > 0) {
      said_.append(octets, 0, static_cast<size_t>(said));
    }
  }
  void SayMany(size_t count, size_t octets) {
    std::string many;
    for (size_t i = 0; i < count && many.size() < kFramedMax; ++i) {
      AppendU16(many, octets);
      many.append(octets, static_cast<char>(i));
    }
    Say(many);
  }
  void Pass(milliseconds time, bool shut) {
    now_ += time;
    if (shut && !shut_) {
      shutdown(client_.get(), SHUT_WR);
      shut_ = true;
    }
  }
  void Read() {
    if (over_) {
      return;
    }
    if (connection_->WantsRead()) {
      connection_->Read(now_);
    }
    TakeAll();
  }
  // As the listener does it before it reads on.
  void TakeAll() {
    while (const auto message = over_ ? std::nullopt : connection_->Next(now_)) {
      CheckNext(*message);
      ++taken_;
      ++open_;
    }
    over_ = over_ || connection_->Ended(now_);
  }
  void CheckNext(const std::string& message) {
    DNSPIN_CHECK(LengthAt(at_) == message.size() && !message.empty());
    DNSPIN_CHECK(said_.compare(at_ + 2, message.size(), message) == 0);
    at_ += 2 + message.size();
  }
  void AnswerOne(uint8_t ending, size_t octets) {
    if (open_ == 0 || over_) {
      return;
    }
    --open_;
    const bool takes = Unwritten() <= StreamConnection::kUnsentOctetsMax;
    const std::string message(octets, static_cast<char>('a' + given_.size() % 26));
    connection_->Answer(message, static_cast<Ending>(ending), now_);
    over_ = connection_->Ended(now_);
    DNSPIN_CHECK(takes != over_);
    if (takes) {
      AppendU16(given_, octets);
      given_ += message;
    }
  }
  void IgnoreOne() {
    if (open_ != 0 && !over_) {
      --open_;
      ++ignored_;
      connection_->Ignore();
    }
  }
  void Write() {
    if (!over_ && connection_->WantsWrite()) {
      connection_->Write(now_);
    }
  }
  void Hear(size_t octets) {
    static std::array<char, 1 << 16> buffer;
    while (octets != 0) {
      const ssize_t heard = recv(client_.get(), buffer.data(), std::min(octets, buffer.size()), 0);
      if (heard <= 0) {
        return;
      }
      const std::string_view part(buffer.data(), static_cast<size_t>(heard));
      DNSPIN_CHECK(given_.compare(heard_, part.size(), part) == 0);
      heard_ += part.size();
      octets -= static_cast<size_t>(heard);
    }
  }

  size_t Progress() const {
    return taken_ + given_.size() + heard_ + said_.size() - Waiting(connection_->fd());
  }
  size_t Unwritten() const { return given_.size() - heard_ - Waiting(client_.get()); }
  static size_t Waiting(int fd) {
    int octets = 0;
    DNSPIN_CHECK(ioctl(fd, FIONREAD, &octets) == 0);
    return static_cast<size_t>(octets);
  }

  std::optional<size_t> LengthAt(size_t at) const {  // of the whole message that begins there
    if (at + 2 > said_.size()) {
      return std::nullopt;
    }
    const size_t length = OctetReader(AsOctets(said_), at).U16();
    return at + 2 + length <= said_.size() ? std::optional(length) : std::nullopt;
  }

  void Check() {
    over_ = over_ || connection_->Ended(now_);
    DNSPIN_CHECK(open_ <= StreamConnection::kQuestionsOpenMax);
    DNSPIN_CHECK(taken_ <= StreamConnection::kQuestionsMax);
    if (!over_) {
      DNSPIN_CHECK(said_.size() - at_ - Waiting(connection_->fd()) <= kFramedMax + kReadOctets ||
                   taken_ == StreamConnection::kQuestionsMax);
      DNSPIN_CHECK(Unwritten() <= StreamConnection::kUnsentOctetsMax + kFramedMax);
    }
  }

  BootTime now_{seconds(1000)};
  CountersReport counters_;
  Descriptor client_;
  std::optional<StreamConnection> connection_;
  std::string said_;   // by the client
  size_t at_ = 0;      // what was taken ends there
  size_t taken_ = 0;   // messages
  std::string given_;  // answers, framed
  size_t heard_ = 0;   // of that, by the client
  size_t open_ = 0;
  size_t ignored_ = 0;
  bool shut_ = false;
  bool over_ = false;
};

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  dnspin::Script script(bytes, size);
  dnspin::Play play;
  for (int steps = 0; steps < 400 && !script.Over(); ++steps) {
    play.Step(script);
  }
  play.End();
  return 0;
}
