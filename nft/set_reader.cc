#include "nft/set_reader.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "nft/netlink_socket.h"
#include "nft/shared_chains.h"
#include "pinning/check.h"
#include "pinning/pin.h"

namespace dnspin {
namespace {

constexpr int kTriesMax = 20;
constexpr std::string_view kPinSets = "pin-";
constexpr std::string_view kDropSets = "drop-";
constexpr std::string_view kDoorsMap = "doors";

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using Set = std::unique_ptr<nftnl_set, FreeWith<&nftnl_set_free>>;

uint16_t NetfilterFamily(Family family) {
  return family == Family::kIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

Set SetCalled(const std::string& table, const std::string& name) {
  Set set(nftnl_set_alloc());
  DNSPIN_CHECK(set != nullptr);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  if (!name.empty()) {
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  }
  return set;
}

int KeepComment(const nftnl_udata* note, void* out) {
  const uint8_t length = nftnl_udata_len(note);
  if (nftnl_udata_type(note) == NFTNL_UDATA_SET_ELEM_COMMENT && length > 0) {
    const auto* text = static_cast<const char*>(nftnl_udata_get(note));
    static_cast<std::string*>(out)->assign(text, ::strnlen(text, length));
  }
  return 0;
}

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
  if (note != nullptr) {
    nftnl_udata_parse(note, note_length, &KeepComment, &pin.comment);
  }
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

enum class Kind { kSet, kMap };
using EachElement = std::function<void(nftnl_set_elem*)>;

// Looks at tables of one family. kAborted: somebody changed them meanwhile.
class Dump {
 public:
  Dump(NetlinkSocket& socket, const std::string& table, Family family)
      : socket_(socket), table_(table), family_(family) {}

  // The names of the sets (or of the maps) that begin with `prefix`; none if the table is not
  // there.
  absl::StatusOr<std::vector<std::string>> Names(Kind kind, std::string_view prefix) {
    const Set question = SetCalled(table_, "");
    std::vector<std::string> names;
    const absl::Status status =
        socket_.Ask(*Request(NFT_MSG_GETSET, question), [&](const nlmsghdr& reply) {
          const Set set(nftnl_set_alloc());
          if (set == nullptr || nftnl_set_nlmsg_parse(&reply, set.get()) < 0) {
            return;
          }
          const char* name = nftnl_set_get_str(set.get(), NFTNL_SET_NAME);
          const bool map = (nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS) & NFT_SET_MAP) != 0;
          if (name != nullptr && std::string_view(name).starts_with(prefix) &&
              map == (kind == Kind::kMap)) {
            names.emplace_back(name);
          }
        });
    if (!status.ok() && !absl::IsNotFound(status)) {
      return status;
    }
    return names;
  }

  absl::Status Elements(const std::string& set, const EachElement& each) {
    const Set question = SetCalled(table_, set);
    const absl::Status status =
        socket_.Ask(*Request(NFT_MSG_GETSETELEM, question), [&](const nlmsghdr& reply) {
          const Set found(nftnl_set_alloc());
          if (found == nullptr || nftnl_set_elems_nlmsg_parse(&reply, found.get()) < 0) {
            return;
          }
          const auto call = [](nftnl_set_elem* element, void* data) {
            (*static_cast<const EachElement*>(data))(element);
            return 0;
          };
          nftnl_set_elem_foreach(found.get(), call, const_cast<EachElement*>(&each));
        });
    return absl::IsNotFound(status) ? absl::AbortedError("a set vanished meanwhile") : status;
  }

 private:
  nlmsghdr* Request(uint16_t type, const Set& set) {
    nlmsghdr* request = nftnl_nlmsg_build_hdr(request_.data(), type, NetfilterFamily(family_),
                                              NLM_F_REQUEST | NLM_F_DUMP, socket_.NextSequence());
    if (type == NFT_MSG_GETSET) {
      nftnl_set_nlmsg_build_payload(request, set.get());
    } else {
      nftnl_set_elems_nlmsg_build_payload(request, set.get());
    }
    return request;
  }

  NetlinkSocket& socket_;
  const std::string& table_;
  Family family_;
  alignas(nlmsghdr) std::array<char, 1024> request_{};  // a header and two names
};

// Every element of the sets (or maps) whose names begin with `prefix`, as `read` makes it a value;
// those that it makes nothing of are left out.
template <typename Value, typename Read>
absl::StatusOr<std::vector<Value>> ReadElements(const std::string& table, Kind kind,
                                                std::string_view prefix, Family family, Read read) {
  absl::Status status = absl::AbortedError("not read yet");
  std::vector<Value> values;
  for (int tries = 0; tries < kTriesMax && absl::IsAborted(status); ++tries) {
    values.clear();
    absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
    if (!socket.ok()) {
      return socket.status();
    }
    Dump dump(*socket, table, family);
    const auto names = dump.Names(kind, prefix);
    status = names.status();
    for (size_t i = 0; status.ok() && i < names->size(); ++i) {
      status = dump.Elements((*names)[i], [&](nftnl_set_elem* element) {
        if (std::optional<Value> value = read((*names)[i], element)) {
          values.push_back(*std::move(value));
        }
      });
    }
  }
  if (!status.ok()) {
    return status;
  }
  return values;
}

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};

absl::StatusOr<std::vector<KernelPin>> ReadSets(const std::string& table, std::string_view prefix) {
  DNSPIN_CHECK(table.size() < NFT_NAME_MAXLEN);
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

}  // namespace dnspin
