#include "nft/log_rules.h"

#include <fmt/format.h>

#include "nft/firewall_log.h"
#include "pinning/logged_packet.h"

namespace dnspin {

std::string LogText(Action action) {
  return fmt::format("limit rate 20/second burst 40 packets log prefix \"{}\" group {} snaplen {}",
                     action == Action::kDrop ? kLogOfRefused : kLogOfAccepted, kLogGroup,
                     kLogOctetsMax);
}

bool TakesLogRules(Nftables& nftables, const std::string& table) {
  std::string commands;
  for (const std::string family : {"ip", "ip6"}) {
    const std::string place = fmt::format("{} {}-log-probe", family, table);
    commands += fmt::format(
        "add table {0}\nadd chain {0} probe\nadd rule {0} probe {1}\ndelete table {0}\n", place,
        LogText(Action::kDrop));
  }
  // Twice: a kernel that was short of something for a moment is no kernel that cannot.
  return nftables.Run(commands).ok() || nftables.Run(commands).ok();
}

}  // namespace dnspin
