#include "cli/asked_here.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>

#include "pinning/name.h"

namespace dnspin {
namespace {

struct AddressesFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::optional<Address> AddressIn(const addrinfo& entry) {
  const auto octets = [](const auto& field) {
    return Address::FromBytes({reinterpret_cast<const uint8_t*>(&field), sizeof(field)});
  };
  if (entry.ai_family == AF_INET) {
    return octets(reinterpret_cast<const sockaddr_in*>(entry.ai_addr)->sin_addr);
  }
  if (entry.ai_family == AF_INET6) {
    return octets(reinterpret_cast<const sockaddr_in6*>(entry.ai_addr)->sin6_addr);
  }
  return std::nullopt;
}

}  // namespace

AskedHere AskHere(std::string_view name) {
  const auto host = Name::FromHost(name);
  if (!host) {
    return {{}, "not a host name"};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  // No search list, but for what is no name of DNS at all: localhost.
  const std::string text = host->Text() + (host->LabelCount() > 1 ? "." : "");
  if (const int error = getaddrinfo(text.c_str(), nullptr, &hints, &raw); error != 0) {
    return {{}, gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, AddressesFree> list(raw);
  AskedHere asked;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (const auto address = AddressIn(*entry)) {
      asked.addresses.emplace_back(*address, KindOf(*address));
    }
  }
  std::ranges::sort(asked.addresses);
  asked.addresses.erase(std::unique(asked.addresses.begin(), asked.addresses.end()),
                        asked.addresses.end());
  return asked;
}

Cell VerdictOf(AddressKind kind, bool pinned) {
  switch (kind) {
    case AddressKind::kPrivate:
      return {"forbidden: a private address, unless rebind_ok lists the name", Colour::kBad};
    case AddressKind::kNever:
      return {"forbidden: no name may answer with it", Colour::kBad};
    case AddressKind::kOrdinary:
      break;
  }
  return pinned ? Cell("would be pinned", Colour::kGood)
                : Cell("would not be pinned", Colour::kNote);
}

Json AskedJson(const AskedHere& asked, bool pinned) {
  if (!asked.error.empty()) {
    return {{"error", asked.error}};
  }
  Json list = Json::array();
  for (const auto& [address, kind] : asked.addresses) {
    list.push_back({{"address", address.Text()},
                    {"verdict", VerdictOf(kind, pinned).text},
                    {"pinned", pinned && kind == AddressKind::kOrdinary}});
  }
  return list;
}

}  // namespace dnspin
