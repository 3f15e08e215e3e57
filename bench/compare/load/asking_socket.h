#pragma once
// Knows: the questions of one socket that wait for an answer. Touches: that socket.

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <vector>

#include "bench/compare/load/histogram.h"
#include "bench/compare/load/questions.h"

namespace dnspin::bench {

int64_t Now();  // nanoseconds of the monotonic clock

struct Tally {
  uint64_t sent = 0, completed = 0, lost = 0, noerror = 0, no_answer = 0, stray = 0, unsent = 0;
  Histogram times;
};

class AskingSocket {
 public:
  // At most `window` questions wait; up to 256.
  AskingSocket(const sockaddr_in& own, const sockaddr_in& server, size_t window);
  int fd() const { return fd_; }
  size_t free() const { return free_.size(); }
  // Sends `count` questions, at most free() and 64, that were due at that time.
  void Ask(size_t count, int64_t due, Questions& questions, Tally& tally);
  void TakeAnswers(Tally& tally);
  void GiveUp(int64_t asked_before, Tally& tally);

 private:
  struct Slot {
    int64_t due = 0;  // 0: free
    uint8_t turn = 0;
  };
  int fd_;
  std::vector<Slot> slots_;
  std::vector<uint8_t> free_;
};

}  // namespace dnspin::bench
