#pragma once
// Knows: the clients that are to be served and how the firewall, their readers and their pins
// follow when that changes. Touches: the firewall, the launcher, routes, conntrack.

#include <optional>
#include <string>
#include <vector>

#include "nft/conntrack.h"
#include "nft/desired.h"
#include "nft/firewall.h"
#include "nft/journal.h"
#include "nft/reader_service.h"
#include "nft/route.h"
#include "nft/served_client.h"
#include "nft/set_reader.h"

namespace dnspin {

class Roster {
 public:
  // All outlive the roster.
  Roster(Firewall& firewall, Routes& routes, ReaderService& readers, Journal& journal)
      : firewall_(firewall), routes_(routes), readers_(readers), journal_(journal) {}

  // From nothing to `desired`, with the pins that an earlier dnspind left in the kernel.
  absl::Status Begin(const Desired& desired, const std::vector<KernelPin>& kernel_pins,
                     BootTime now);

  // From what is to `desired`: one transaction, pins that a rule still allows move along. Failed:
  // all is as it was.
  absl::Status Change(const Desired& desired, BootTime now);

  // Other servers are to be asked from now on.
  void FollowUpstreams(std::vector<Endpoint> upstreams, BootTime now);

  // Routes or addresses of this machine have changed: clients and readers learn where they are now.
  void FollowRoutes(BootTime now);

  const Desired& desired() const { return desired_; }  // what is in force
  ServedClients& clients() { return clients_; }
  const std::vector<Upstream>& upstreams() const { return upstreams_; }

 private:
  ServedClient Prepare(const Desired& desired, const DesiredClient& wanted, ClientId id,
                       const ServedClient* before) const;
  void Place(const Desired& desired, ServedClient& client) const;
  void Adopt(ServedClient& client, const std::vector<KernelPin>& kernel_pins, BootTime now);
  static void AdoptPin(ServedClient& client, const KernelPin& pin, BootTime now);
  absl::Status OpenDoors(ServedClients& added);
  RulesetChange Compare(const Desired& desired, ServedClients& next, ServedClients& added,
                        BootTime now);
  void TakeOver(ServedClients next, bool by_parts, BootTime now);
  void ForgetFlows(const std::vector<Address>& addresses, BootTime now);
  absl::Status Install(const Desired& desired, const ServedClients& all, BootTime now);
  void LookAround(const Desired& desired, BootTime now);
  std::optional<Interface> InterfaceTowards(const Address& address) const;

  Firewall& firewall_;
  Routes& routes_;
  ReaderService& readers_;
  Journal& journal_;

  Desired desired_;  // what is in force
  ServedClients clients_;
  uint32_t next_client_ = 1;
  std::vector<Upstream> upstreams_;  // with their routes of now
  std::vector<Upstream> not_asked_;  // behind a client interface
  std::vector<Address> own_;         // this machine's addresses and its clients', sorted
};

}  // namespace dnspin
