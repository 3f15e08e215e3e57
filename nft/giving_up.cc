#include "nft/giving_up.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

namespace dnspin {
namespace {

constexpr int kSystemWouldNot = 3;

// Without memory, which there may be none of.
[[noreturn]] void End(std::string_view last_word) {
  if (write(STDERR_FILENO, last_word.data(), last_word.size()) < 0) {
    // Then nobody hears it.
  }
  _exit(kSystemWouldNot);
}

}  // namespace

void EndAsTheSystemWouldNot() {
  std::set_new_handler([] { End("<2>dnspind: there is no memory left\n"); });
  if (std::atexit([] { End("<2>dnspind: a library gave up (its reason may stand above)\n"); }) !=
      0) {
    End("<2>dnspind: there is no memory left\n");
  }
}

void EndWith(int status) {
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace dnspin
