#include "nft/set_reader.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "nft/shared_chains.h"
#include "nft/table_dump.h"
#include "pinning/pin.h"

namespace dnspin {
namespace {

constexpr std::string_view kPinSets = "pin-";
constexpr std::string_view kDropSets = "drop-";
constexpr std::string_view kDoorsMap = "doors";

std::optional<Address> KeyOf(nftnl_set_elem* element) {
  uint32_t length = 0;
  const void* key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
  return key == nullptr ? std::nullopt
                        : Address::FromBytes({static_cast<const uint8_t*>(key), length});
}

std::optional<KernelPin> PinOf(const std::string& set, Family family, nftnl_set_elem* element) {
  const std::optional<Address> address = KeyOf(element);
  if (!address || address->family() != family) {
    return std::nullopt;
  }
  KernelPin pin{family, set, *address, {}, {}};
  if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_EXPIRATION)) {
    pin.left =
        std::chrono::milliseconds(nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION));
  }
  uint32_t note_length = 0;
  const void* note = nftnl_set_elem_get(element, NFTNL_SET_ELEM_USERDATA, &note_length);
  pin.comment = nftnl::TextOfNote(note, note_length, NFTNL_UDATA_SET_ELEM_COMMENT);
  return pin;
}

std::optional<std::pair<Address, uint16_t>> DoorOf(nftnl_set_elem* element) {
  const auto client = KeyOf(element);
  uint32_t length = 0;
  const void* data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_DATA, &length);
  uint16_t port = 0;
  if (!client || data == nullptr || length < sizeof(port)) {
    return std::nullopt;
  }
  std::memcpy(&port, data, sizeof(port));
  return std::pair(*client, ntohs(port));
}

// An element of `ifname . ipv4_addr` or `ifname . ipv6_addr`.
std::optional<std::pair<std::string, Address>> VifOf(nftnl_set_elem* element) {
  uint32_t length = 0;
  const auto* key =
      static_cast<const uint8_t*>(nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length));
  if (key == nullptr || length <= IFNAMSIZ) {
    return std::nullopt;
  }
  const auto address = Address::FromBytes({key + IFNAMSIZ, length - IFNAMSIZ});
  const auto* name = reinterpret_cast<const char*>(key);
  const std::string interface(name, ::strnlen(name, IFNAMSIZ));
  return address && !interface.empty() ? std::optional(std::pair(interface, *address))
                                       : std::nullopt;
}

enum class Kind { kSet, kMap };

// The names of the table's sets (or maps) that begin with `prefix`; none if it is not there.
absl::StatusOr<std::vector<std::string>> Names(TableDump& dump, const std::string& table, Kind kind,
                                               std::string_view prefix) {
  std::vector<std::string> names;
  const absl::Status status = dump.Sets(table, [&](const nlmsghdr& reply) {
    const nftnl::Set set(nftnl_set_alloc());
    if (!dump.Took(set != nullptr && nftnl_set_nlmsg_parse(&reply, set.get()) >= 0)) {
      return;
    }
    const char* name = nftnl_set_get_str(set.get(), NFTNL_SET_NAME);
    const bool map = (nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS) & NFT_SET_MAP) != 0;
    if (name != nullptr && std::string_view(name).starts_with(prefix) &&
        map == (kind == Kind::kMap)) {
      names.emplace_back(name);
    }
  });
  if (!status.ok()) {
    return status;
  }
  return names;
}

// Every element of the sets (or maps) whose names begin with `prefix`, as `read` makes it a value;
// those that it makes nothing of are left out.
template <typename Value, typename Read>
absl::StatusOr<std::vector<Value>> ReadElements(const std::string& table, Kind kind,
                                                std::string_view prefix, Family family, Read read) {
  std::vector<Value> values;
  const absl::Status status = ReadUndisturbed(family, [&](TableDump& dump) {
    values.clear();
    const auto names = Names(dump, table, kind, prefix);
    absl::Status done = names.status();
    for (size_t i = 0; done.ok() && i < names->size(); ++i) {
      done = dump.Elements(table, (*names)[i], [&](nftnl_set_elem* element) {
        if (std::optional<Value> value = read((*names)[i], element)) {
          values.push_back(*std::move(value));
        }
      });
    }
    return done;
  });
  if (!status.ok()) {
    return status;
  }
  return values;
}

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

absl::StatusOr<std::vector<KernelPin>> ReadSets(const std::string& table, std::string_view prefix) {
  std::vector<KernelPin> pins;
  for (const Family family : kFamilies) {
    const auto found =
        ReadElements<KernelPin>(table, Kind::kSet, prefix, family,
                                [family](const std::string& set, nftnl_set_elem* element) {
                                  return PinOf(set, family, element);
                                });
    if (!found.ok()) {
      return found.status();
    }
    pins.insert(pins.end(), found->begin(), found->end());
  }
  return pins;
}

}  // namespace

absl::StatusOr<std::vector<KernelPin>> ReadKernelPins(const std::string& table) {
  return ReadSets(table, kPinSets);
}

absl::StatusOr<std::vector<KernelPin>> ReadKernelDrops(const std::string& table) {
  return ReadSets(table, kDropSets);
}

absl::StatusOr<std::map<Address, uint16_t>> ReadKernelDoors() {
  std::map<Address, uint16_t> doors;
  for (const Family family : kFamilies) {
    using Door = std::pair<Address, uint16_t>;
    const auto found = ReadElements<Door>(
        std::string(kDoorsTable), Kind::kMap, kDoorsMap, family,
        [](const std::string&, nftnl_set_elem* element) { return DoorOf(element); });
    if (!found.ok()) {
      return found.status();
    }
    doors.insert(found->begin(), found->end());
  }
  return doors;
}

absl::StatusOr<std::optional<std::vector<Vif>>> ReadAllowed(Family family) {
  const std::string table(kQubesTable);
  bool there = false;
  std::map<std::string, std::vector<Address>> by_interface;
  const absl::Status status = ReadUndisturbed(family, [&](TableDump& dump) {
    by_interface.clear();
    const auto names = Names(dump, table, Kind::kSet, kAllowedSet);
    if (!names.ok()) {
      return names.status();
    }
    there = std::find(names->begin(), names->end(), kAllowedSet) != names->end();
    return !there ? absl::OkStatus()
                  : dump.Elements(table, std::string(kAllowedSet), [&](nftnl_set_elem* element) {
                      if (const auto vif = VifOf(element)) {
                        by_interface[vif->first].push_back(vif->second);
                      }
                    });
  });
  if (!status.ok()) {
    return status;
  }
  if (!there) {
    return std::nullopt;
  }
  std::vector<Vif> vifs;
  for (auto& [interface, addresses] : by_interface) {
    std::sort(addresses.begin(), addresses.end());
    vifs.push_back({interface, std::move(addresses)});
  }
  return vifs;
}

}  // namespace dnspin
