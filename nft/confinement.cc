#include "nft/confinement.h"

#include <nss.h>

#include "io/landlock.h"
#include "nft/system_calls.h"

namespace dnspin {

absl::Status ConfineDnspind() {
  // libnftables looks up each uid that a rule names: in /etc, without a library loaded for it or a
  // daemon asked.
  for (const char* const database : {"passwd", "group", "services", "protocols"}) {
    __nss_configure_lookup(database, "files");
  }
  EnterLandlock({LandlockTerms::Files::kRead, true});
  return AllowOnly(CallsOfDnspind());
}

absl::Status ConfineLauncher(User reader) {
  EnterLandlock({LandlockTerms::Files::kAll, true});
  return AllowOnly(CallsOfLauncher(reader));
}

}  // namespace dnspin
