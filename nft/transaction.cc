#include "nft/transaction.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <utility>

#include "nft/nftnl.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr size_t kMessageOctetsMax = 1024;  // two names, and an element or three expressions

uint16_t FlagsOf(uint16_t type) {
  const bool deletes =
      type == NFT_MSG_DELTABLE || type == NFT_MSG_DELRULE || type == NFT_MSG_DELSETELEM;
  return static_cast<uint16_t>(NLM_F_REQUEST | (deletes ? 0 : NLM_F_CREATE) |
                               (type == NFT_MSG_NEWRULE ? NLM_F_APPEND : 0));
}

void Fail(Transaction::Verdict& verdict, int error, absl::Status why) {
  if (verdict.status.ok()) {
    verdict.error = error;
    verdict.status = std::move(why);
  }
}

}  // namespace

std::vector<char> Transaction::BufferFor(size_t messages) {
  const size_t with_opening_and_closing = messages + 2;
  return std::vector<char>(
      std::max(with_opening_and_closing * kMessageOctetsMax, NetlinkSocket::kDatagramOctets));
}

Transaction::Transaction(NetlinkSocket& socket, std::span<char> buffer)
    : socket_(socket),
      buffer_(buffer),
      opening_(socket.NextSequence()),
      latest_(opening_),
      last_(nftnl_batch_begin(buffer.data(), opening_)) {}

char* Transaction::Next() {
  DNSPIN_CHECK(last_->nlmsg_len <= kMessageOctetsMax);
  char* const next = static_cast<char*>(mnl_nlmsg_get_payload_tail(last_));
  DNSPIN_CHECK(buffer_.size() - static_cast<size_t>(next - buffer_.data()) >= kMessageOctetsMax);
  return next;
}

// Messages about the same thing bear the same number, by which a reply tells the position.
nlmsghdr* Transaction::Add(uint16_t type, Family family, size_t position) {
  if (latest_ - opening_ != position + 1) {
    latest_ = socket_.NextSequence();
  }
  DNSPIN_CHECK(latest_ - opening_ == position + 1);
  last_ =
      nftnl_nlmsg_build_hdr(Next(), type, nftnl::NetfilterFamily(family), FlagsOf(type), latest_);
  return last_;
}

void Transaction::AddTable(uint16_t type, const std::string& name) {
  const nftnl::Table table(nftnl_table_alloc());
  DNSPIN_CHECK(table != nullptr);
  // The kernel takes a table without a name for all of them.
  DNSPIN_CHECK(nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str()) == 0);
  nftnl_table_nlmsg_build_payload(Add(type, Family::kIpv4), table.get());
}

void Transaction::AddFreshTable(const std::string& name) {
  AddTable(NFT_MSG_NEWTABLE, name);  // or there might be none to delete
  AddTable(NFT_MSG_DELTABLE, name);
  AddTable(NFT_MSG_NEWTABLE, name);
}

void Transaction::DeleteTable(const std::string& name) { AddTable(NFT_MSG_DELTABLE, name); }

// The acknowledgement is asked of the last message before the closing one: for that one, kernels
// before 6.10 send none.
Transaction::Verdict Transaction::Commit(NetlinkSocket::Time deadline) {
  last_->nlmsg_flags |= NLM_F_ACK;
  closing_ = socket_.NextSequence();
  last_ = nftnl_batch_end(Next(), closing_);
  Verdict verdict;
  const auto octets = static_cast<size_t>(Next() - buffer_.data());
  if (absl::Status sent = socket_.Send(buffer_.first(octets)); !sent.ok()) {
    Fail(verdict, socket_.error(), std::move(sent));
    return verdict;
  }
  for (bool over = false; !over;) {
    const absl::StatusOr<std::span<const char>> datagram = socket_.Receive(buffer_, deadline);
    if (!datagram.ok()) {
      Fail(verdict, socket_.error(), datagram.status());
      return verdict;
    }
    int left = static_cast<int>(datagram->size());
    const auto* reply = reinterpret_cast<const nlmsghdr*>(datagram->data());
    for (; mnl_nlmsg_ok(reply, left); reply = mnl_nlmsg_next(reply, &left)) {
      over = Judge(*reply, verdict) || over;
    }
  }
  return verdict;
}

// Whether nothing new can follow. Errors come in the order of the messages, then the
// acknowledgement, which even a batch that was undone gets. A failing commit is reported as the
// opening message's, and nothing follows it. What is still said of the last thing, the next
// transaction skips.
bool Transaction::Judge(const nlmsghdr& reply, Verdict& verdict) const {
  const uint32_t number = reply.nlmsg_seq - opening_;
  if (reply.nlmsg_type != NLMSG_ERROR || number > closing_ - opening_ ||
      mnl_nlmsg_get_payload_len(&reply) < sizeof(nlmsgerr)) {
    return false;  // an older transaction's, or no verdict
  }
  const bool of_one = number != 0 && reply.nlmsg_seq != closing_;
  const int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&reply))->error;
  if (error != 0) {
    Fail(verdict, error, absl::ErrnoToStatus(error, "the kernel refuses"));
    if (of_one && (verdict.refused.empty() || verdict.refused.back() != number - 1)) {
      verdict.refused.push_back(number - 1);
    }
  }
  return reply.nlmsg_seq == latest_ || (error != 0 && !of_one);
}

}  // namespace dnspin
