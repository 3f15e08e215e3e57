#include "nft/set_writer.h"

#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
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
constexpr size_t kMessageOctetsMax = 1024;  // two names, a comment, an address, two times
constexpr size_t kMessagesMax = 3 * kElementsPerCommit + 2;
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

}  // namespace

// Messages of one transaction, each with a sequence number and the position of what it is about.
class SetWriter::Batch {
 public:
  Batch(NetlinkSocket& socket, std::span<char> buffer) : socket_(socket), buffer_(buffer) {
    first_sequence_ = Add(nftnl_batch_begin(Room(), socket_.NextSequence()));
  }

  void Element(uint16_t type, const std::string& table, const PinElement& pin, size_t position) {
    const bool adds = type == NFT_MSG_NEWSETELEM;
    PutElement(
        Open(type, nftnl::NetfilterFamily(pin.address.family()), adds ? NLM_F_CREATE : 0, position),
        table, pin, adds ? Part::kAll : Part::kKey);
    Shut();
  }
  void Table(uint16_t type, const std::string& table) {
    const nftnl::Table object(nftnl_table_alloc());
    DNSPIN_CHECK(object != nullptr);
    // The kernel takes a table without a name for all of them.
    DNSPIN_CHECK(nftnl_table_set_str(object.get(), NFTNL_TABLE_NAME, table.c_str()) == 0);
    const uint16_t flags = type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0;
    nftnl_table_nlmsg_build_payload(Open(type, NFPROTO_IPV4, flags, 0), object.get());
    Shut();
  }
  void NewSet(const std::string& table, const SharedText& name) {
    const Set set(nftnl_set_alloc());
    DNSPIN_CHECK(set != nullptr);
    DNSPIN_CHECK(nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str()) == 0);
    DNSPIN_CHECK(nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str()) == 0);
    nftnl_set_set_u32(set.get(), NFTNL_SET_ID, 1);
    nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, nftnl::kIpv4AddressType);
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, sizeof(uint32_t));
    nftnl_set_nlmsg_build_payload(Open(NFT_MSG_NEWSET, NFPROTO_IPV4, NLM_F_CREATE, 0), set.get());
    Shut();
  }

  // The acknowledgement is asked of the last message before the closing one: for that one, kernels
  // before 6.10 send none.
  void Close() {
    last_->nlmsg_flags |= NLM_F_ACK;
    last_sequence_ = last_->nlmsg_seq;
    closing_sequence_ = Add(nftnl_batch_end(Room(), socket_.NextSequence()));
  }

  std::span<const char> bytes() const { return buffer_.first(used_); }
  uint32_t last_sequence() const { return last_sequence_; }
  bool Holds(uint32_t sequence) const {
    return sequence - first_sequence_ <= closing_sequence_ - first_sequence_;
  }
  // What a message is about; nothing for the opening and the closing one.
  std::optional<size_t> PositionOf(uint32_t sequence) const {
    const uint32_t message = sequence - first_sequence_ - 1;
    return message < positions_.size() ? std::optional(positions_[message]) : std::nullopt;
  }

 private:
  char* Room() {
    DNSPIN_CHECK(buffer_.size() - used_ >= kMessageOctetsMax);
    return buffer_.data() + used_;
  }
  uint32_t Add(const nlmsghdr* message) {
    DNSPIN_CHECK(message->nlmsg_len <= kMessageOctetsMax);
    used_ += MNL_ALIGN(message->nlmsg_len);
    return message->nlmsg_seq;
  }
  nlmsghdr* Open(uint16_t type, uint16_t family, uint16_t flags, size_t position) {
    positions_.push_back(position);
    last_ = nftnl_nlmsg_build_hdr(
        Room(), type, family, static_cast<uint16_t>(NLM_F_REQUEST | flags), socket_.NextSequence());
    return last_;
  }
  void Shut() { Add(last_); }

  NetlinkSocket& socket_;
  std::span<char> buffer_;
  size_t used_ = 0;
  nlmsghdr* last_ = nullptr;
  uint32_t first_sequence_ = 0;
  uint32_t last_sequence_ = 0;
  uint32_t closing_sequence_ = 0;
  std::vector<size_t> positions_;
};

// What the kernel said of a batch.
struct SetWriter::Verdict {
  int error = 0;        // the first it named
  absl::Status status;  // the same, in words
  std::vector<size_t> refused;
  bool over = false;  // nothing more will come

  void Fail(int code, absl::Status why) {
    if (status.ok()) {
      error = code;
      status = std::move(why);
    }
  }
};

SetWriter::SetWriter(std::string table, NetlinkSocket socket)
    : table_(std::move(table)),
      socket_(std::move(socket)),
      batch_buffer_(kMessagesMax * kMessageOctetsMax),
      reply_buffer_(NetlinkSocket::kDatagramOctets) {}

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
  Verdict verdict = CommitOnce(elements, deadline);
  if (MayPass(verdict.error)) {
    verdict = CommitOnce(elements, deadline);
  }
  return {std::move(verdict.status), std::move(verdict.refused)};
}

SetWriter::Verdict SetWriter::CommitOnce(std::span<const PinElement> elements,
                                         NetlinkSocket::Time deadline) {
  Batch batch(socket_, batch_buffer_);
  for (size_t position = 0; position < elements.size(); ++position) {
    const PinElement& element = elements[position];
    batch.Element(NFT_MSG_NEWSETELEM, table_, element, position);
    if (element.replace || refresh_way_ == RefreshWay::kAddDeleteAdd) {
      // The first makes sure that there is one to delete: a failing message would void the batch.
      batch.Element(NFT_MSG_DELSETELEM, table_, element, position);
      batch.Element(NFT_MSG_NEWSETELEM, table_, element, position);
    }
  }
  batch.Close();
  Verdict verdict = Transact(batch, deadline);
  if (!verdict.refused.empty()) {
    const PinElement& first = elements[verdict.refused.front()];
    verdict.status =
        absl::Status(verdict.status.code(),
                     fmt::format("{} in set {}: {}", first.address.Text(), first.set.view(),
                                 std::string(verdict.status.message())));
  }
  return verdict;
}

SetWriter::Verdict SetWriter::Transact(const Batch& batch, NetlinkSocket::Time deadline) {
  Verdict verdict;
  if (absl::Status sent = socket_.Send(batch.bytes()); !sent.ok()) {
    verdict.Fail(socket_.error(), std::move(sent));
    return verdict;
  }
  while (!verdict.over) {
    const absl::StatusOr<std::span<const char>> datagram = socket_.Receive(reply_buffer_, deadline);
    if (!datagram.ok()) {
      verdict.Fail(socket_.error(), datagram.status());
      return verdict;
    }
    int left = static_cast<int>(datagram->size());
    const auto* reply = reinterpret_cast<const nlmsghdr*>(datagram->data());
    for (; mnl_nlmsg_ok(reply, left); reply = mnl_nlmsg_next(reply, &left)) {
      Judge(*reply, batch, verdict);
    }
  }
  return verdict;
}

// Errors come in the order of the messages, then the acknowledgement, which even a batch that was
// undone gets. A failing commit is reported as the opening message's, and nothing follows it.
void SetWriter::Judge(const nlmsghdr& reply, const Batch& batch, Verdict& verdict) const {
  if (reply.nlmsg_type != NLMSG_ERROR || !batch.Holds(reply.nlmsg_seq) ||
      mnl_nlmsg_get_payload_len(&reply) < sizeof(nlmsgerr)) {
    return;  // an older batch's, or no verdict
  }
  const auto* verdict_of = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&reply));
  const int error = -verdict_of->error;
  const std::optional<size_t> position = batch.PositionOf(reply.nlmsg_seq);
  if (error != 0) {
    const char* what = error == ENFILE ? "the set is full" : "the kernel refuses";
    verdict.Fail(error, absl::ErrnoToStatus(error, what));
    if (position && (verdict.refused.empty() || verdict.refused.back() != *position)) {
      verdict.refused.push_back(*position);
    }
  }
  verdict.over |= reply.nlmsg_seq == batch.last_sequence() || (error != 0 && !position);
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
  Batch batch(socket_, batch_buffer_);
  batch.Table(NFT_MSG_NEWTABLE, table);  // one that a crash left behind goes first
  batch.Table(NFT_MSG_DELTABLE, table);
  batch.Table(NFT_MSG_NEWTABLE, table);
  batch.NewSet(table, element.set);
  batch.Element(NFT_MSG_NEWSETELEM, table, element, 0);
  batch.Close();
  return Transact(batch, std::chrono::steady_clock::now() + kProbeTime).status;
}

absl::Status SetWriter::RefreshProbe(const std::string& table, const PinElement& element) {
  Batch batch(socket_, batch_buffer_);
  batch.Element(NFT_MSG_NEWSETELEM, table, element, 0);
  batch.Close();
  return Transact(batch, std::chrono::steady_clock::now() + kProbeTime).status;
}

absl::StatusOr<milliseconds> SetWriter::ProbeLeft(const std::string& table,
                                                  const PinElement& element) {
  nlmsghdr* request = nftnl_nlmsg_build_hdr(batch_buffer_.data(), NFT_MSG_GETSETELEM, NFPROTO_IPV4,
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
  Batch batch(socket_, batch_buffer_);
  batch.Table(NFT_MSG_DELTABLE, table);
  batch.Close();
  return Transact(batch, std::chrono::steady_clock::now() + kProbeTime).status;
}

}  // namespace dnspin
