// A page about one client.
#include "cli/commands.h"

namespace dnspin {

Shown RunReport(const Call& /*call*/) {
  return absl::UnimplementedError("this dnspin writes no report yet");
}

}  // namespace dnspin
