#include "nft/set_reader.h"

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
#include <memory>
#include <optional>

#include "nft/netlink_socket.h"
#include "pinning/check.h"
#include "pinning/pin.h"

namespace dnspin {
namespace {

constexpr int kTriesMax = 20;
constexpr std::string_view kPinSets = "pin-";

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

std::optional<KernelPin> PinOf(const std::string& set, Family family, nftnl_set_elem* element) {
  uint32_t length = 0;
  const void* key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
  if (key == nullptr) {
    return std::nullopt;
  }
  const std::optional<Address> address =
      Address::FromBytes({static_cast<const uint8_t*>(key), length});
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

// One look at one table. kAborted: somebody changed it meanwhile.
class Dump {
 public:
  Dump(NetlinkSocket& socket, const std::string& table, Family family)
      : socket_(socket), table_(table), family_(family) {}

  absl::StatusOr<std::vector<KernelPin>> Read() {
    std::vector<std::string> names;
    absl::Status status = ReadNames(names);
    if (status.code() == absl::StatusCode::kNotFound) {
      return std::vector<KernelPin>();
    }
    std::vector<KernelPin> pins;
    for (size_t i = 0; i < names.size() && status.ok(); ++i) {
      status = ReadElements(names[i], pins);
      if (status.code() == absl::StatusCode::kNotFound) {
        status = absl::AbortedError("a set vanished meanwhile");
      }
    }
    if (!status.ok()) {
      return status;
    }
    return pins;
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

  absl::Status ReadNames(std::vector<std::string>& names) {
    const Set question = SetCalled(table_, "");
    return socket_.Ask(*Request(NFT_MSG_GETSET, question), [&](const nlmsghdr& reply) {
      const Set set(nftnl_set_alloc());
      if (set == nullptr || nftnl_set_nlmsg_parse(&reply, set.get()) < 0) {
        return;
      }
      if ((nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS) & NFT_SET_MAP) != 0) {
        return;
      }
      const char* name = nftnl_set_get_str(set.get(), NFTNL_SET_NAME);
      if (name != nullptr && std::string_view(name).starts_with(kPinSets)) {
        names.emplace_back(name);
      }
    });
  }

  absl::Status ReadElements(const std::string& name, std::vector<KernelPin>& pins) {
    struct Found {
      const std::string& set;
      Family family;
      std::vector<KernelPin>& pins;
    } found{name, family_, pins};
    const Set question = SetCalled(table_, name);
    return socket_.Ask(*Request(NFT_MSG_GETSETELEM, question), [&](const nlmsghdr& reply) {
      const Set set(nftnl_set_alloc());
      if (set == nullptr || nftnl_set_elems_nlmsg_parse(&reply, set.get()) < 0) {
        return;
      }
      const auto keep = [](nftnl_set_elem* element, void* out) {
        auto* to = static_cast<Found*>(out);
        if (std::optional<KernelPin> pin = PinOf(to->set, to->family, element)) {
          to->pins.push_back(*std::move(pin));
        }
        return 0;
      };
      nftnl_set_elem_foreach(set.get(), keep, &found);
    });
  }

  NetlinkSocket& socket_;
  const std::string& table_;
  Family family_;
  alignas(nlmsghdr) std::array<char, 1024> request_{};  // a header and two names
};

}  // namespace

absl::StatusOr<std::vector<KernelPin>> ReadKernelPins(const std::string& table) {
  DNSPIN_CHECK(table.size() < NFT_NAME_MAXLEN);
  std::vector<KernelPin> pins;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    absl::StatusOr<std::vector<KernelPin>> found = absl::AbortedError("not read yet");
    for (int tries = 0; tries < kTriesMax && absl::IsAborted(found.status()); ++tries) {
      absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
      if (!socket.ok()) {
        return socket.status();
      }
      found = Dump(*socket, table, family).Read();
    }
    if (!found.ok()) {
      return found.status();
    }
    pins.insert(pins.end(), found->begin(), found->end());
  }
  return pins;
}

}  // namespace dnspin
