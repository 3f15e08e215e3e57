#include "io/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "io/descriptor.h"

namespace dnspin {
namespace {

// linux/landlock.h as of 6.12, which is younger than Debian's headers.
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadFolder = 1 << 3;
constexpr uint64_t kBindTcp = 1 << 0;
constexpr uint64_t kAbstractUnixSocket = 1 << 0;
constexpr uint64_t kSignal = 1 << 1;
constexpr unsigned kAskVersion = 1;

struct Ruleset {
  uint64_t files = 0;
  uint64_t net = 0;     // since version 4
  uint64_t scoped = 0;  // since version 6
};

// All rights to files that a version knows: each version's are one bit more, or as many.
constexpr std::array<unsigned, 6> kFileRights = {0, 13, 14, 15, 15, 16};

Ruleset RulesetOf(const LandlockTerms& terms, size_t version) {
  Ruleset ruleset;
  const unsigned rights = version < kFileRights.size() ? kFileRights[version] : kFileRights.back();
  ruleset.files = (uint64_t{1} << rights) - 1;
  if (terms.files == LandlockTerms::Files::kRead) {
    ruleset.files &= ~(kReadFile | kReadFolder);
  } else if (terms.files == LandlockTerms::Files::kAll) {
    ruleset.files = 0;
  }
  ruleset.net = version >= 4 && !terms.sockets ? kBindTcp : 0;
  if (version >= 6) {
    ruleset.scoped = kSignal | (terms.sockets ? 0 : kAbstractUnixSocket);
  }
  return ruleset;
}

}  // namespace

int EnterLandlock(const LandlockTerms& terms) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  if (version <= 0) {
    return 0;
  }
  const Ruleset ruleset = RulesetOf(terms, static_cast<size_t>(version));
  // A kernel takes a longer structure than it knows if the rest is zero.
  const Descriptor fd(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0)));
  if (!fd.valid() || syscall(SYS_landlock_restrict_self, fd.get(), 0) < 0) {
    return 0;
  }
  return static_cast<int>(version);
}

}  // namespace dnspin
