#include "nft/hold_rules.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "nft/free_with.h"
#include "nft/nftnl.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(5);
constexpr size_t kChainsPerCommit = 128;    // well within what a socket sends at once
constexpr size_t kMessageOctetsMax = 1024;  // two names, three expressions
constexpr uint32_t kTargetRevision = 3;
constexpr size_t kTargetOctets = 8;  // XT_ALIGN(sizeof(xt_NFQ_info_v3))
static_assert(sizeof(xt_NFQ_info_v3) <= kTargetOctets);

nftnl_expr* New(const char* name) {
  nftnl_expr* const expression = nftnl_expr_alloc(name);
  DNSPIN_CHECK(expression != nullptr);
  return expression;
}

void AddQueue(nftnl_rule* rule, uint16_t number, QueueWay way, bool fail_open) {
  if (way == QueueWay::kExpression) {
    nftnl_expr* const queue = New("queue");
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_NUM, number);
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_TOTAL, 1);
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_FLAGS, fail_open ? NFT_QUEUE_FLAG_BYPASS : 0);
    nftnl_rule_add_expr(rule, queue);
    return;
  }
  xt_NFQ_info_v3 terms{};
  terms.queuenum = number;
  terms.queues_total = 1;
  terms.flags = fail_open ? NFQ_FLAG_BYPASS : 0;
  std::unique_ptr<void, FreeWith<&std::free>> info(std::calloc(1, kTargetOctets));
  DNSPIN_CHECK(info != nullptr);
  std::memcpy(info.get(), &terms, sizeof(terms));
  nftnl_expr* const target = New("target");
  nftnl_expr_set_str(target, NFTNL_EXPR_TG_NAME, "NFQUEUE");
  nftnl_expr_set_u32(target, NFTNL_EXPR_TG_REV, kTargetRevision);
  nftnl_expr_set(target, NFTNL_EXPR_TG_INFO, info.release(), kTargetOctets);  // which frees it
  nftnl_rule_add_expr(rule, target);  // NOLINT(clang-analyzer-unix.Malloc): so it does
}

void AddDrop(nftnl_rule* rule) {
  nftnl_expr* const verdict = New("immediate");
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
  nftnl_rule_add_expr(rule, verdict);
}

nftnl::Rule NewRule(const std::string& table, const std::string& chain) {
  nftnl::Rule rule(nftnl_rule_alloc());
  DNSPIN_CHECK(rule != nullptr);
  DNSPIN_CHECK(nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table.c_str()) == 0);
  DNSPIN_CHECK(nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str()) == 0);
  return rule;
}

}  // namespace

// Messages of one transaction.
class HoldRules::Batch {
 public:
  explicit Batch(NetlinkSocket& socket) : socket_(socket) {
    nftnl_batch_begin(Room(), first_ = socket_.NextSequence());
    Shut();
  }

  void Table(uint16_t type, const std::string& table) {
    const nftnl::Table object(nftnl_table_alloc());
    DNSPIN_CHECK(object != nullptr);
    DNSPIN_CHECK(nftnl_table_set_str(object.get(), NFTNL_TABLE_NAME, table.c_str()) == 0);
    nftnl_table_nlmsg_build_payload(Open(type, Family::kIpv4), object.get());
    Shut();
  }
  void Chain(const std::string& table, const std::string& name) {
    const nftnl::Chain chain(nftnl_chain_alloc());
    DNSPIN_CHECK(chain != nullptr);
    DNSPIN_CHECK(nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table.c_str()) == 0);
    DNSPIN_CHECK(nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str()) == 0);
    nftnl_chain_nlmsg_build_payload(Open(NFT_MSG_NEWCHAIN, Family::kIpv4), chain.get());
    Shut();
  }
  // Without a rule's number: all of the chain's.
  void Rule(uint16_t type, Family family, const nftnl::Rule& rule) {
    nftnl_rule_nlmsg_build_payload(Open(type, family), rule.get());
    Shut();
  }
  void Close() {
    last_->nlmsg_flags |= NLM_F_ACK;
    answered_ = last_->nlmsg_seq;
    closing_ = socket_.NextSequence();
    nftnl_batch_end(Room(), closing_);
    Shut();
  }

  std::span<const char> bytes() const { return std::span(octets_).first(used_); }
  uint32_t answered() const { return answered_; }
  bool Holds(uint32_t sequence) const { return sequence - first_ <= closing_ - first_; }

 private:
  char* Room() {
    octets_.resize(used_ + kMessageOctetsMax);
    return octets_.data() + used_;
  }
  nlmsghdr* Open(uint16_t type, Family family) {
    const bool adds = type != NFT_MSG_DELTABLE && type != NFT_MSG_DELRULE;
    const auto flags = static_cast<uint16_t>(NLM_F_REQUEST | (adds ? NLM_F_CREATE : 0) |
                                             (type == NFT_MSG_NEWRULE ? NLM_F_APPEND : 0));
    return nftnl_nlmsg_build_hdr(Room(), type, nftnl::NetfilterFamily(family), flags,
                                 socket_.NextSequence());
  }
  void Shut() {
    last_ = reinterpret_cast<nlmsghdr*>(octets_.data() + used_);
    DNSPIN_CHECK(last_->nlmsg_len <= kMessageOctetsMax);
    used_ += MNL_ALIGN(last_->nlmsg_len);
  }

  NetlinkSocket& socket_;
  std::vector<char> octets_;
  size_t used_ = 0;
  nlmsghdr* last_ = nullptr;
  uint32_t first_ = 0;
  uint32_t answered_ = 0;
  uint32_t closing_ = 0;
};

absl::StatusOr<std::unique_ptr<HoldRules>> HoldRules::Create(std::string table, bool fail_open) {
  auto socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) {
    return socket.status();
  }
  std::unique_ptr<HoldRules> rules(new HoldRules(std::move(table), fail_open, *std::move(socket)));
  absl::Status status = rules->Probe(QueueWay::kExpression);
  if (!status.ok()) {
    rules->way_ = QueueWay::kTarget;
    status = rules->Probe(QueueWay::kTarget);
  }
  if (!status.ok()) {
    return absl::FailedPreconditionError(fmt::format(
        "this kernel can hold no packets back, neither by nft's queue (CONFIG_NFT_QUEUE)"
        " nor by target NFQUEUE (CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE)"
        ": {}",
        std::string(status.message())));
  }
  return rules;
}

absl::Status HoldRules::Probe(QueueWay way) {
  const std::string table = table_ + "-queue-probe";
  const std::string chain = "probe";
  Batch batch(socket_);
  batch.Table(NFT_MSG_NEWTABLE, table);  // one that a crash left behind goes first
  batch.Table(NFT_MSG_DELTABLE, table);
  batch.Table(NFT_MSG_NEWTABLE, table);
  batch.Chain(table, chain);
  const nftnl::Rule rule = NewRule(table, chain);
  AddQueue(rule.get(), 0, way, fail_open_);
  batch.Rule(NFT_MSG_NEWRULE, Family::kIpv4, rule);
  batch.Close();
  if (auto status = Commit(batch); !status.ok()) {
    return status;
  }
  Batch away(socket_);
  away.Table(NFT_MSG_DELTABLE, table);
  away.Close();
  return Commit(away);
}

absl::Status HoldRules::Put(std::span<const HoldChain> chains) {
  absl::Status status;
  for (size_t from = 0; status.ok() && from < chains.size(); from += kChainsPerCommit) {
    status = PutOnce(chains.subspan(from, std::min(kChainsPerCommit, chains.size() - from)));
  }
  return status;
}

absl::Status HoldRules::PutOnce(std::span<const HoldChain> chains) {
  Batch batch(socket_);
  for (const HoldChain& hold : chains) {
    batch.Rule(NFT_MSG_DELRULE, hold.family, NewRule(table_, hold.chain));
    const nftnl::Rule queues = NewRule(table_, hold.chain);
    AddQueue(queues.get(), hold.queue, way_, fail_open_);
    batch.Rule(NFT_MSG_NEWRULE, hold.family, queues);
    const nftnl::Rule drops = NewRule(table_, hold.chain);
    AddDrop(drops.get());
    batch.Rule(NFT_MSG_NEWRULE, hold.family, drops);
  }
  batch.Close();
  return Commit(batch);
}

// Errors come in the order of the messages, then the acknowledgement of the last one, which even a
// batch that was undone gets.
absl::Status HoldRules::Commit(Batch& batch) {
  if (auto sent = socket_.Send(batch.bytes()); !sent.ok()) {
    return sent;
  }
  absl::Status status;
  std::vector<char> buffer(NetlinkSocket::kDatagramOctets);
  const NetlinkSocket::Time deadline = std::chrono::steady_clock::now() + kAnswerTime;
  for (bool over = false; !over;) {
    const auto datagram = socket_.Receive(buffer, deadline);
    if (!datagram.ok()) {
      return datagram.status();
    }
    int left = static_cast<int>(datagram->size());
    const auto* reply = reinterpret_cast<const nlmsghdr*>(datagram->data());
    for (; mnl_nlmsg_ok(reply, left); reply = mnl_nlmsg_next(reply, &left)) {
      if (reply->nlmsg_type != NLMSG_ERROR || !batch.Holds(reply->nlmsg_seq) ||
          mnl_nlmsg_get_payload_len(reply) < sizeof(nlmsgerr)) {
        continue;
      }
      const int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(reply))->error;
      if (error != 0 && status.ok()) {
        status = absl::ErrnoToStatus(error, "the kernel refuses the rule that queues");
      }
      over = over || error != 0 || reply->nlmsg_seq == batch.answered();
    }
  }
  return status;
}

}  // namespace dnspin
