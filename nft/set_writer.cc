#include "nft/set_writer.h"

#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "nft/nftnl.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;

constexpr auto kAnswerTime = milliseconds(500);
constexpr auto kProbeTime = std::chrono::seconds(5);  // at start nobody waits for an answer
constexpr auto kLifeMin = milliseconds(1000);
constexpr size_t kNameOctetsMax = NFT_NAME_MAXLEN - 1;
constexpr int kSendBuffer = 4 << 20;
constexpr int kReceiveBuffer = 1 << 20;

using nftnl::Set;

// A failure that may not repeat: the kernel was short of memory or asks to be asked again. ENOBUFS
// means that a reply was lost. The batch says the same thing twice without harm.
bool MayPass(int error) {
  return error == ENOBUFS || error == EINTR || error == ENOMEM || error == ERESTART;
}

void PutTimes(nlmsghdr* message, milliseconds life) {
  // An element without a timeout would stay for ever, and a timeout alone does not refresh.
  DNSPIN_CHECK(life >= kLifeMin);
  const uint64_t count = htobe64(static_cast<uint64_t>(life.count()));
  mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, count);
  mnl_attr_put_u64(message, NFTA_SET_ELEM_EXPIRATION, count);
}

// As nft reads and shows it: type, length, text and a NUL.
void PutComment(nlmsghdr* message, const SharedText& comment) {
  DNSPIN_CHECK(comment.size() <= kCommentOctetsMax);
  if (comment.empty()) {
    return;
  }
  std::array<char, 2 + kCommentOctetsMax + 1> note{};
  note[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
  note[1] = static_cast<char>(static_cast<uint8_t>(comment.size() + 1));
  std::copy_n(comment.c_str(), comment.size(), note.begin() + 2);
  mnl_attr_put(message, NFTA_SET_ELEM_USERDATA, 2 + comment.size() + 1, note.data());
}

enum class Part { kKey, kAll };

// A list of this element alone. Attribute by attribute: libnftnl's objects cost a third of what the
// kernel takes to insert it.
void PutElement(nlmsghdr* message, const std::string& table, const PinElement& pin, Part part) {
  DNSPIN_CHECK(table.size() <= kNameOctetsMax && pin.set.size() <= kNameOctetsMax);
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, pin.set.c_str());
  nlattr* const list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
  nlattr* const element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  nlattr* const key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
  const std::span<const uint8_t> address = pin.address.bytes();
  mnl_attr_put(message, NFTA_DATA_VALUE, address.size(), address.data());
  mnl_attr_nest_end(message, key);
  if (part == Part::kAll) {
    PutTimes(message, pin.life);
    PutComment(message, pin.comment);
  }
  mnl_attr_nest_end(message, element);
  mnl_attr_nest_end(message, list);
}

void AddElement(Transaction& transaction, uint16_t type, const std::string& table,
                const PinElement& pin, size_t position = 0) {
  PutElement(transaction.Add(type, pin.address.family(), position), table, pin,
             type == NFT_MSG_NEWSETELEM ? Part::kAll : Part::kKey);
}

void AddSet(Transaction& transaction, const std::string& table, const SharedText& name) {
  const Set set(nftnl_set_alloc());
  DNSPIN_CHECK(set != nullptr);
  DNSPIN_CHECK(nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str()) == 0);
  DNSPIN_CHECK(nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str()) == 0);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, 1);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, nftnl::kIpv4AddressType);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, sizeof(uint32_t));
  nftnl_set_nlmsg_build_payload(transaction.Add(NFT_MSG_NEWSET, Family::kIpv4), set.get());
}

absl::Status CommitProbe(Transaction& transaction) {
  return transaction.Commit(std::chrono::steady_clock::now() + kProbeTime).status;
}

}  // namespace

SetWriter::SetWriter(std::string table, NetlinkSocket socket)
    : table_(std::move(table)),
      socket_(std::move(socket)),
      buffer_(Transaction::BufferFor(3 * kElementsPerCommit)) {}

absl::StatusOr<std::unique_ptr<SetWriter>> SetWriter::Create(std::string table,
                                                             std::optional<RefreshWay> forced) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) {
    return socket.status();
  }
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
    if (::setsockopt(socket->fd(), SOL_NETLINK, option, &on, sizeof(on)) < 0) {
      return absl::ErrnoToStatus(errno, "netlink option");
    }
  }
  // Without them the default limits hold, which carry a batch of ours too.
  ::setsockopt(socket->fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof(kSendBuffer));
  ::setsockopt(socket->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));

  std::unique_ptr<SetWriter> writer(new SetWriter(std::move(table), *std::move(socket)));
  const absl::StatusOr<RefreshWay> way = writer->ProbeRefreshWay();
  if (!way.ok()) {
    return way.status();
  }
  writer->refresh_way_ = forced.value_or(*way);
  return writer;
}

CommitResult SetWriter::Commit(std::span<const PinElement> elements) {
  DNSPIN_CHECK(elements.size() <= kElementsPerCommit);
  if (elements.empty()) {
    return {};
  }
  const NetlinkSocket::Time deadline = std::chrono::steady_clock::now() + kAnswerTime;
  Transaction::Verdict verdict = CommitOnce(elements, deadline);
  if (MayPass(verdict.error)) {
    verdict = CommitOnce(elements, deadline);
  }
  return {std::move(verdict.status), std::move(verdict.refused)};
}

Transaction::Verdict SetWriter::CommitOnce(std::span<const PinElement> elements,
                                           NetlinkSocket::Time deadline) {
  Transaction transaction(socket_, buffer_);
  for (size_t position = 0; position < elements.size(); ++position) {
    const PinElement& element = elements[position];
    AddElement(transaction, NFT_MSG_NEWSETELEM, table_, element, position);
    if (element.replace || refresh_way_ == RefreshWay::kAddDeleteAdd) {
      // The first makes sure that there is one to delete: a failing message would void the batch.
      AddElement(transaction, NFT_MSG_DELSETELEM, table_, element, position);
      AddElement(transaction, NFT_MSG_NEWSETELEM, table_, element, position);
    }
  }
  Transaction::Verdict verdict = transaction.Commit(deadline);
  if (!verdict.refused.empty()) {
    const PinElement& first = elements[verdict.refused.front()];
    const char* what = verdict.error == ENFILE ? "the set is full" : "the kernel refuses";
    verdict.status = absl::ErrnoToStatus(
        verdict.error,
        fmt::format("{} in set {}: {}", first.address.Text(), first.set.view(), what));
  }
  return verdict;
}

absl::StatusOr<RefreshWay> SetWriter::ProbeRefreshWay() {
  const std::string table = table_ + "-probe";
  PinElement element{"probe", Address(), milliseconds(10000), ""};
  if (absl::Status made = MakeProbe(table, element); !made.ok()) {
    return made;
  }
  element.life = milliseconds(20000);
  const absl::Status refreshed = RefreshProbe(table, element);
  const absl::StatusOr<milliseconds> left = ProbeLeft(table, element);
  if (absl::Status removed = RemoveProbe(table); !removed.ok()) {
    return removed;
  }
  const bool in_place = refreshed.ok() && left.ok() && *left > milliseconds(15000);
  return in_place ? RefreshWay::kInPlace : RefreshWay::kAddDeleteAdd;
}

absl::Status SetWriter::MakeProbe(const std::string& table, const PinElement& element) {
  Transaction transaction(socket_, buffer_);
  transaction.AddFreshTable(table);
  AddSet(transaction, table, element.set);
  AddElement(transaction, NFT_MSG_NEWSETELEM, table, element);
  return CommitProbe(transaction);
}

absl::Status SetWriter::RefreshProbe(const std::string& table, const PinElement& element) {
  Transaction transaction(socket_, buffer_);
  AddElement(transaction, NFT_MSG_NEWSETELEM, table, element);
  return CommitProbe(transaction);
}

absl::StatusOr<milliseconds> SetWriter::ProbeLeft(const std::string& table,
                                                  const PinElement& element) {
  nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer_.data(), NFT_MSG_GETSETELEM, NFPROTO_IPV4,
                                            NLM_F_REQUEST | NLM_F_ACK, socket_.NextSequence());
  PutElement(request, table, element, Part::kKey);
  uint64_t left = 0;
  absl::Status asked = socket_.Ask(*request, [&](const nlmsghdr& reply) {
    const Set answer(nftnl_set_alloc());
    if (answer == nullptr || nftnl_set_elems_nlmsg_parse(&reply, answer.get()) < 0) {
      return;
    }
    const auto keep = [](nftnl_set_elem* found, void* out) {
      if (nftnl_set_elem_is_set(found, NFTNL_SET_ELEM_EXPIRATION)) {
        *static_cast<uint64_t*>(out) = nftnl_set_elem_get_u64(found, NFTNL_SET_ELEM_EXPIRATION);
      }
      return 0;
    };
    nftnl_set_elem_foreach(answer.get(), keep, &left);
  });
  if (!asked.ok()) {
    return asked;
  }
  return milliseconds(left);
}

absl::Status SetWriter::RemoveProbe(const std::string& table) {
  Transaction transaction(socket_, buffer_);
  transaction.DeleteTable(table);
  return CommitProbe(transaction);
}

}  // namespace dnspin
