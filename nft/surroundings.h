#pragma once
// Knows: where this machine is now: its addresses and its clients', where each client's packets
// come in, and by which interface each upstream is reached. Touches: routes, the journal.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nft/desired.h"
#include "nft/journal.h"
#include "nft/route.h"
#include "pinning/policy.h"

namespace dnspin {

// Where packets of a client come in.
struct Whereabouts {
  std::vector<Interface> interfaces;
  bool sure = true;  // false: not all could be asked for
};

class Surroundings {
 public:
  Surroundings(Routes& routes, Journal& journal) : routes_(routes), journal_(journal) {}

  void Look(const Desired& desired, BootTime now);

  // Asked once, until Forget(); and again where it is not sure.
  Whereabouts WhereaboutsOf(const DesiredClient& client) const;
  void Forget();  // routes, or interfaces, have changed

  // Another number whenever what a client is told of them may be something else.
  uint32_t revision() const { return revision_; }

  // Of the last look.
  const std::vector<Upstream>& upstreams() const { return upstreams_; }
  const std::vector<Address>& local() const { return local_; }  // this machine's addresses
  const std::vector<Address>& own() const { return own_; }      // and its clients', sorted

 private:
  Whereabouts AskWhereaboutsOf(const DesiredClient& client) const;
  std::optional<Interface> InterfaceTowards(const Address& address) const;
  bool IsClients(const std::optional<Interface>& interface) const;

  Routes& routes_;
  Journal& journal_;
  uint32_t revision_ = 1;
  std::vector<std::string> client_interfaces_;
  std::vector<Upstream> upstreams_;
  std::vector<Upstream> not_asked_;  // behind a client interface
  std::vector<Address> local_;
  std::vector<Address> own_;
  using Place = std::pair<std::vector<Address>, std::vector<std::string>>;
  mutable std::map<Place, Whereabouts> whereabouts_;  // by what is said of a client
};

}  // namespace dnspin
