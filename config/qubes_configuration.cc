#include "config/qubes_configuration.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "config/qubes_clients.h"
#include "config/vm_config.h"
#include "config/words.h"
#include "pinning/kernel_name.h"

namespace dnspin {
namespace {

// The addresses that QubesDB has at `path`, with spaces between.
std::vector<Address> AddressesAt(const qubesdb::View& view, std::string_view path,
                                 std::vector<Diagnostic>& diagnostics) {
  std::vector<Address> addresses;
  const auto value = view.values.find(path);
  if (value == view.values.end()) {
    return addresses;
  }
  const std::string file(path);
  for (const std::string_view word : SplitWords(value->second)) {
    if (const auto address = Address::Parse(word)) {
      addresses.push_back(*address);
    } else {
      LineReport(file, 1, value->second, diagnostics).Error(word, "not an address:");
    }
  }
  return addresses;
}

void AddNew(const std::vector<Address>& more, std::vector<Address>& addresses) {
  for (const Address& address : more) {
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
  }
}

}  // namespace

QubesConfiguration ConfigurationOfQubes(const Configuration& files, TargetReader& reader,
                                        const qubesdb::View& view, std::span<const Vif> vifs) {
  QubesConfiguration made;
  made.settings = files.settings;
  for (const std::string_view path : {qubesdb::kConnected, qubesdb::kConnected6}) {
    AddNew(AddressesAt(view, path, made.diagnostics), made.connected);
  }
  std::sort(made.connected.begin(), made.connected.end());
  if (!files.settings.intercept_any) {
    for (const std::string_view path : {qubesdb::kPrimaryDns, qubesdb::kSecondaryDns}) {
      AddNew(AddressesAt(view, path, made.diagnostics), made.settings.intercept);
    }
  }
  auto rebind_ok = ReadVmConfigRebindOk(view, made.diagnostics);
  std::move(rebind_ok.begin(), rebind_ok.end(), std::back_inserter(made.settings.rebind_ok));
  std::vector<ClientConfig> locals = files.clients;
  auto more = ReadVmConfigClients(view, files.profiles, made.diagnostics);
  std::move(more.begin(), more.end(), std::back_inserter(locals));
  std::vector<Vif> theirs(vifs.begin(), vifs.end());
  std::erase_if(theirs, [&](const Vif& vif) {
    return !IsInterfaceName(vif.interface) ||
           !MatchesInterface(files.settings.interfaces, vif.interface);
  });
  QubesClients qubes = ClientsOfQubes(reader, view, theirs, locals, files.settings.dom0_accept);
  made.clients = std::move(qubes.clients);
  std::move(qubes.diagnostics.begin(), qubes.diagnostics.end(),
            std::back_inserter(made.diagnostics));
  return made;
}

}  // namespace dnspin
