#include "nft/reader_end.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace dnspin {
namespace {

constexpr int Exit(int code) { return code << 8; }  // as wait(2) has it

TEST(ReaderEnd, IsCountedAndNamedByItsStatus) {
  ReaderTally tally;
  for (const int status : {SIGSYS, SIGSYS, SIGKILL, SIGSEGV, SIGABRT, SIGABRT, Exit(0), Exit(3)}) {
    tally.CountEnd(status);
  }
  EXPECT_EQ(tally.ended, (std::array<uint64_t, 4>{2, 1, 3, 2}));
  EXPECT_EQ(HowItEnded(SIGSYS), "killed by its system call filter: it tried what no reader does");
  EXPECT_EQ(HowItEnded(SIGSEGV), "killed by signal 11");
  EXPECT_EQ(HowItEnded(Exit(3)), "exit status 3");
}

}  // namespace
}  // namespace dnspin
