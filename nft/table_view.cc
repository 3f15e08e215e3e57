#include "nft/table_view.h"

#include <libnftnl/expr.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <utility>

#include "nft/client_chain.h"
#include "nft/table_dump.h"

namespace dnspin {
namespace {

constexpr std::string_view kClientMap = "clients";
constexpr std::string_view kHeldMap = "held";
constexpr uint32_t kNotListed = NFT_SET_ANONYMOUS | NFT_SET_MAP | NFT_SET_OBJECT;

std::string Text(const char* text) { return text == nullptr ? std::string() : text; }

// The places in expressions that name a chain or a set of the same table.
struct Naming {
  std::string_view expression;
  uint16_t attribute;
};
constexpr std::array kNamings = {
    Naming{"lookup", NFTNL_EXPR_LOOKUP_SET}, Naming{"immediate", NFTNL_EXPR_IMM_CHAIN},
    Naming{"dynset", NFTNL_EXPR_DYNSET_SET_NAME}, Naming{"objref", NFTNL_EXPR_OBJREF_SET_NAME}};

int CollectNames(nftnl_expr* expression, void* names) {
  const std::string kind = Text(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME));
  for (const Naming& naming : kNamings) {
    if (kind == naming.expression && nftnl_expr_is_set(expression, naming.attribute)) {
      static_cast<std::set<std::string>*>(names)->insert(
          Text(nftnl_expr_get_str(expression, naming.attribute)));
    }
  }
  return 0;
}

bool HoldsPins(Family family, const nftnl_set* set) {
  return nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE) ==
             (family == Family::kIpv4 ? nftnl::kIpv4AddressType : nftnl::kIpv6AddressType) &&
         nftnl_set_get_u32(set, NFTNL_SET_FLAGS) == NFT_SET_TIMEOUT;
}

bool IsOurs(const nftnl_set* set) {
  uint32_t octets = 0;
  const void* note = nftnl_set_get_data(set, NFTNL_SET_USERDATA, &octets);
  return nftnl::TextOfNote(note, octets, NFTNL_UDATA_SET_COMMENT) == kOwnComment;
}

bool LeadsToChains(const nftnl_set* set) {
  return (nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_MAP) != 0 &&
         nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT;
}

// Looks at tables of one family.
class Look {
 public:
  Look(TableDump& dump, TableViews& views) : dump_(dump), views_(views) {}

  absl::Status At(std::span<const std::string> names) {
    absl::Status status = Tables(names);
    if (status.ok()) {
      status = Chains();
    }
    for (auto table = views_.begin(); status.ok() && table != views_.end(); ++table) {
      status = Sets(table->first, table->second);
      if (status.ok()) {
        status = Rules(table->first, table->second);
      }
    }
    for (size_t i = 0; status.ok() && i < verdict_maps_.size(); ++i) {
      status = MapOfOthers(verdict_maps_[i]);
    }
    return status;
  }

 private:
  using Place = std::pair<std::string, std::string>;  // table and name

  absl::Status Tables(std::span<const std::string> names) {
    return dump_.All(NFT_MSG_GETTABLE, [&](const nlmsghdr& reply) {
      const nftnl::Table table(nftnl_table_alloc());
      if (dump_.Took(table != nullptr && nftnl_table_nlmsg_parse(&reply, table.get()) >= 0)) {
        const std::string name = Text(nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME));
        if (std::find(names.begin(), names.end(), name) != names.end()) {
          views_[name];
        }
      }
    });
  }

  absl::Status Chains() {
    return dump_.All(NFT_MSG_GETCHAIN, [&](const nlmsghdr& reply) {
      const nftnl::Chain chain(nftnl_chain_alloc());
      if (dump_.Took(chain != nullptr && nftnl_chain_nlmsg_parse(&reply, chain.get()) >= 0)) {
        const auto view = views_.find(Text(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE)));
        if (view != views_.end()) {
          view->second.chains.push_back(Text(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME)));
        }
      }
    });
  }

  absl::Status Sets(const std::string& table, TableView& view) {
    return dump_.Sets(table, [&](const nlmsghdr& reply) {
      const nftnl::Set set(nftnl_set_alloc());
      if (!dump_.Took(set != nullptr && nftnl_set_nlmsg_parse(&reply, set.get()) >= 0)) {
        return;
      }
      const std::string name = Text(nftnl_set_get_str(set.get(), NFTNL_SET_NAME));
      if ((nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS) & kNotListed) == 0) {
        view.sets.push_back({name, nftnl_set_get_u32(set.get(), NFTNL_SET_DESC_SIZE),
                             HoldsPins(dump_.family(), set.get()), IsOurs(set.get())});
      } else if (LeadsToChains(set.get()) && name != kClientMap && name != kHeldMap) {
        verdict_maps_.emplace_back(table, name);
      }
    });
  }

  absl::Status Rules(const std::string& table, TableView& view) {
    return dump_.Rules(table, [&](const nlmsghdr& reply) {
      const nftnl::Rule rule(nftnl_rule_alloc());
      if (dump_.Took(rule != nullptr && nftnl_rule_nlmsg_parse(&reply, rule.get()) >= 0)) {
        ReadRule(rule.get(), view);
      }
    });
  }

  static void ReadRule(nftnl_rule* rule, TableView& view) {
    const std::string chain = Text(nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
    uint32_t octets = 0;
    const void* note = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &octets);
    const std::string comment = nftnl::TextOfNote(note, octets, NFTNL_UDATA_RULE_COMMENT);
    if (IsClientChain(chain) && comment.starts_with(kDigestComment)) {
      view.digests[chain] = comment.substr(kDigestComment.size());
    }
    if (comment == kOwnComment) {
      view.own_rules.push_back({chain, nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE)});
    } else if (!IsClientChain(chain)) {
      nftnl_expr_foreach(rule, &CollectNames, &view.used);
    }
  }

  absl::Status MapOfOthers(const Place& map) {
    return dump_.Elements(map.first, map.second, [&](nftnl_set_elem* element) {
      if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_CHAIN)) {
        views_[map.first].used.insert(Text(nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN)));
      }
    });
  }

  TableDump& dump_;
  TableViews& views_;
  std::vector<Place> verdict_maps_;  // of others, and without a name
};

}  // namespace

bool TableView::HasChain(std::string_view name) const {
  return std::find(chains.begin(), chains.end(), name) != chains.end();
}

absl::StatusOr<TableViews> ReadTableViews(Family family, std::span<const std::string> names) {
  TableViews views;
  const absl::Status status = ReadUndisturbed(family, [&](TableDump& dump) {
    views.clear();
    return Look(dump, views).At(names);
  });
  if (!status.ok()) {
    return status;
  }
  return views;
}

}  // namespace dnspin
