// dnspin-resolver: started by dnspind's launcher, never by hand. Descriptor 3 is its service socket
// (pinning/service_message.h), descriptor 4 an empty directory to be its root.

#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "config/policy_document.h"
#include "io/descriptor.h"
#include "io/system_clock.h"
#include "resolver/confinement.h"
#include "resolver/random.h"
#include "resolver/resolver_daemon.h"

namespace {

constexpr int kServiceDescriptor = 3;
constexpr int kRootDescriptor = 4;
constexpr int kRefused = 3;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "<2>dnspin-resolver: %s\n", std::string(status.message()).c_str());
  return kRefused;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("dnspin-resolver %s\n", DNSPIN_VERSION);
    return 0;
  }
  dnspin::SystemClock clock;
  dnspin::KernelRandom random;
  auto daemon = dnspin::ResolverDaemon::Create(dnspin::Descriptor(kServiceDescriptor), clock,
                                               random, dnspin::ReadPolicyDocument);
  if (!daemon.ok()) {
    return Fail(daemon.status());
  }
  // It has its epoll, and makes no second one: watches are counted for all readers together.
  if (const auto status = dnspin::Confine(kRootDescriptor); !status.ok()) {
    return Fail(status);
  }
  const auto status = (*daemon)->Run();
  return status.ok() ? 0 : Fail(status);
}
