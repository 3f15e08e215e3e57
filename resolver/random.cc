#include "resolver/random.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "pinning/check.h"

namespace dnspin {

uint64_t KernelRandom::Next() {
  if (used_ == block_.size()) {
    ssize_t octets = 0;
    do {
      octets = getrandom(block_.data(), sizeof(block_), 0);
    } while (octets < 0 && errno == EINTR);
    DNSPIN_CHECK(octets == static_cast<ssize_t>(sizeof(block_)));
    used_ = 0;
  }
  return std::exchange(block_[used_++], 0);  // what was used is not kept
}

}  // namespace dnspin
