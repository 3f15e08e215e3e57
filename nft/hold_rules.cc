#include "nft/hold_rules.h"

#include <fmt/format.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "nft/free_with.h"
#include "nft/nftnl.h"
#include "nft/transaction.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(5);
constexpr size_t kChainsPerCommit = 128;  // well within what a socket sends at once
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

void AddChain(Transaction& transaction, const std::string& table, const std::string& name) {
  const nftnl::Chain chain(nftnl_chain_alloc());
  DNSPIN_CHECK(chain != nullptr);
  DNSPIN_CHECK(nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table.c_str()) == 0);
  DNSPIN_CHECK(nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str()) == 0);
  nftnl_chain_nlmsg_build_payload(transaction.Add(NFT_MSG_NEWCHAIN, Family::kIpv4), chain.get());
}

void AddRule(Transaction& transaction, Family family, const nftnl::Rule& rule) {
  nftnl_rule_nlmsg_build_payload(transaction.Add(NFT_MSG_NEWRULE, family), rule.get());
}

// Without a rule's number: all of the chain's.
void DeleteRules(Transaction& transaction, Family family, const nftnl::Rule& any) {
  nftnl_rule_nlmsg_build_payload(transaction.Add(NFT_MSG_DELRULE, family), any.get());
}

absl::Status Commit(Transaction& transaction) {
  const auto verdict = transaction.Commit(std::chrono::steady_clock::now() + kAnswerTime);
  return verdict.refused.empty()
             ? verdict.status
             : absl::ErrnoToStatus(verdict.error, "the kernel refuses the rule that queues");
}

}  // namespace

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
  std::vector<char> buffer = Transaction::BufferFor(5);  // the table takes three
  Transaction probe(socket_, buffer);
  probe.AddFreshTable(table);
  AddChain(probe, table, chain);
  const nftnl::Rule rule = NewRule(table, chain);
  AddQueue(rule.get(), 0, way, fail_open_);
  AddRule(probe, Family::kIpv4, rule);
  if (auto status = Commit(probe); !status.ok()) {
    return status;
  }
  Transaction away(socket_, buffer);
  away.DeleteTable(table);
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
  std::vector<char> buffer = Transaction::BufferFor(3 * chains.size());
  Transaction transaction(socket_, buffer);
  for (const HoldChain& hold : chains) {
    DeleteRules(transaction, hold.family, NewRule(table_, hold.chain));
    const nftnl::Rule queues = NewRule(table_, hold.chain);
    AddQueue(queues.get(), hold.queue, way_, fail_open_);
    AddRule(transaction, hold.family, queues);
    const nftnl::Rule drops = NewRule(table_, hold.chain);
    AddDrop(drops.get());
    AddRule(transaction, hold.family, drops);
  }
  return Commit(transaction);
}

}  // namespace dnspin
