#include "nft/reader_end.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

namespace dnspin {
namespace {

enum Reason : size_t { kFilter, kKilled, kCrash, kExit };

Reason ReasonOf(int status) {
  if (!WIFSIGNALED(status)) {
    return kExit;
  }
  return WTERMSIG(status) == SIGSYS ? kFilter : WTERMSIG(status) == SIGKILL ? kKilled : kCrash;
}

}  // namespace

void ReaderTally::CountEnd(int status) { ++ended.at(ReasonOf(status)); }

std::string HowItEnded(int status) {
  switch (ReasonOf(status)) {
    case kFilter:
      return "killed by its system call filter: it tried what no reader does";
    case kExit:
      return fmt::format("exit status {}", WEXITSTATUS(status));
    default:
      return fmt::format("killed by signal {}", WTERMSIG(status));
  }
}

}  // namespace dnspin
