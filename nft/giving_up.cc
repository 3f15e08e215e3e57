#include "nft/giving_up.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

namespace dnspin {
namespace {

// Without memory, which there may be none of.
[[noreturn]] void End(std::string_view last_word) {
  if (write(STDERR_FILENO, last_word.data(), last_word.size()) < 0) {
    // Then nobody hears it.
  }
  _exit(kSystemWouldNot);
}

}  // namespace

void EndWith(int (*run)(int, char**), int argc, char** argv) {
  static constexpr std::string_view kNoMemory = "<2>dnspind: there is no memory left\n";
  std::set_new_handler([] { End(kNoMemory); });
  if (std::atexit([] { End("<2>dnspind: a library gave up; it may say why above\n"); }) != 0) {
    End(kNoMemory);
  }
  const int status = run(argc, argv);
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace dnspin
