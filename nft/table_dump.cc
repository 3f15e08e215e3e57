#include "nft/table_dump.h"

#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>

#include <cerrno>

#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr int kTriesMax = 20;

}  // namespace

bool TableDump::Took(bool parsed) {
  unread_ = unread_ || (!parsed && errno == ENOMEM);
  return parsed;
}

absl::Status TableDump::Ask(const nlmsghdr& request, const Each& each) {
  unread_ = false;
  const absl::Status status = socket_.Ask(request, [&](const nlmsghdr& reply) {
    errno = 0;
    each(reply);
  });
  return status.ok() && unread_ ? absl::ResourceExhaustedError("no memory for a dump") : status;
}

absl::Status TableDump::All(uint16_t type, const Each& each) { return Ask(*Request(type), each); }

absl::Status TableDump::Sets(const std::string& table, const Each& each) {
  const nftnl::Set question(nftnl_set_alloc());
  DNSPIN_CHECK(question != nullptr && table.size() < NFT_NAME_MAXLEN);
  DNSPIN_CHECK(nftnl_set_set_str(question.get(), NFTNL_SET_TABLE, table.c_str()) == 0);
  nlmsghdr* const request = Request(NFT_MSG_GETSET);
  nftnl_set_nlmsg_build_payload(request, question.get());
  return AskOfTable(*request, each);
}

absl::Status TableDump::Rules(const std::string& table, const Each& each) {
  const nftnl::Rule question(nftnl_rule_alloc());
  DNSPIN_CHECK(question != nullptr && table.size() < NFT_NAME_MAXLEN);
  DNSPIN_CHECK(nftnl_rule_set_str(question.get(), NFTNL_RULE_TABLE, table.c_str()) == 0);
  nlmsghdr* const request = Request(NFT_MSG_GETRULE);
  nftnl_rule_nlmsg_build_payload(request, question.get());
  return AskOfTable(*request, each);
}

absl::Status TableDump::AskOfTable(const nlmsghdr& request, const Each& each) {
  const absl::Status status = Ask(request, each);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status TableDump::Elements(const std::string& table, const std::string& set,
                                 const std::function<void(nftnl_set_elem*)>& each) {
  const nftnl::Set question(nftnl_set_alloc());
  DNSPIN_CHECK(question != nullptr && table.size() < NFT_NAME_MAXLEN &&
               set.size() < NFT_NAME_MAXLEN);
  DNSPIN_CHECK(nftnl_set_set_str(question.get(), NFTNL_SET_TABLE, table.c_str()) == 0);
  DNSPIN_CHECK(nftnl_set_set_str(question.get(), NFTNL_SET_NAME, set.c_str()) == 0);
  nlmsghdr* const request = Request(NFT_MSG_GETSETELEM);
  nftnl_set_elems_nlmsg_build_payload(request, question.get());
  const absl::Status status = Ask(*request, [&](const nlmsghdr& reply) {
    const nftnl::Set found(nftnl_set_alloc());
    if (!Took(found != nullptr && nftnl_set_elems_nlmsg_parse(&reply, found.get()) >= 0)) {
      return;
    }
    const auto call = [](nftnl_set_elem* element, void* data) {
      (*static_cast<const std::function<void(nftnl_set_elem*)>*>(data))(element);
      return 0;
    };
    nftnl_set_elem_foreach(found.get(), call,
                           const_cast<std::function<void(nftnl_set_elem*)>*>(&each));
  });
  return absl::IsNotFound(status) ? absl::AbortedError("a set vanished meanwhile") : status;
}

nlmsghdr* TableDump::Request(uint16_t type) {
  return nftnl_nlmsg_build_hdr(request_.data(), type, nftnl::NetfilterFamily(family_),
                               NLM_F_REQUEST | NLM_F_DUMP, socket_.NextSequence());
}

absl::Status ReadUndisturbed(Family family, const std::function<absl::Status(TableDump&)>& read) {
  absl::Status status = absl::AbortedError("not read yet");
  for (int tries = 0; tries < kTriesMax && absl::IsAborted(status); ++tries) {
    absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
    if (!socket.ok()) {
      return socket.status();
    }
    TableDump dump(*socket, family);
    status = read(dump);
  }
  return status;
}

}  // namespace dnspin
