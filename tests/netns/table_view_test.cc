#include "nft/table_view.h"

#include <array>

#include "tests/netns/fresh_namespace.h"

namespace dnspin {
namespace {

constexpr const char* kTables = R"(nft -f - <<'END'
table ip dnspin {
  set pin-10-137-0-25-1 { type ipv4_addr; size 8192; flags timeout; }
  set mine { type ipv4_addr; }
  set of-ports { type inet_service; flags timeout; }
  set unrelated { type ipv4_addr; }
  set pin-10-137-0-25-2 { type ipv4_addr; flags timeout; }
  set pin-10-137-0-25-3 { type ipv4_addr; flags timeout; }
  chain qbs-10-137-0-25 { }
  chain qbs-10-137-0-26 { }
  chain qbs-10-137-0-27 { }
  chain qbs-10-137-0-28 { }
  map clients { type ipv4_addr : verdict; elements = { 10.137.0.28 : jump qbs-10-137-0-28 } }
  map theirs { type ipv4_addr : verdict; elements = { 10.137.0.27 : jump qbs-10-137-0-27 } }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ip daddr @unrelated drop comment "made by dnspin"
    ip daddr @pin-10-137-0-25-1 jump qbs-10-137-0-25 comment "made by dnspin, said somebody"
    ip saddr vmap { 10.137.0.26 : goto qbs-10-137-0-26 }
    update @pin-10-137-0-25-3 { ip saddr timeout 1s }
    accept comment "made by dnspin"
  }
}
add rule ip dnspin qbs-10-137-0-25 ip daddr @pin-10-137-0-25-2 accept
add rule ip dnspin qbs-10-137-0-25 reject comment "rules 0123456789abcdef"
table ip other {
  chain elsewhere { }
  chain input { jump elsewhere comment "made by dnspin"; jump elsewhere; }
}
table ip empty { }
table ip6 dnspin {
  chain six { }
}
table inet dnspin {
  chain both { }
}
END
)";
const std::array<std::string, 3> kNames = {"dnspin", "other", "empty"};

using Names = std::vector<std::string>;

class TableViewTest : public FreshNamespace {
 protected:
  static TableViews Views(Family family = Family::kIpv4) {
    const auto views = ReadTableViews(family, kNames);
    EXPECT_TRUE(views.ok()) << views.status();
    return views.value_or(TableViews());
  }
};

TEST_F(TableViewTest, TellsOursFromWhatOthersMade) {
  Shell(kTables);
  const TableViews views = Views();
  ASSERT_TRUE(views.contains("dnspin"));
  const TableView& view = views.at("dnspin");
  ASSERT_EQ(view.own_rules.size(), 2U);
  EXPECT_EQ(view.own_rules[0].chain, "forward");
  Shell("nft delete rule ip dnspin forward handle " + std::to_string(view.own_rules[0].handle));
  EXPECT_EQ(Views().at("dnspin").own_rules, (std::vector{view.own_rules[1]}));
  EXPECT_EQ(view.chains, (Names{"qbs-10-137-0-25", "qbs-10-137-0-26", "qbs-10-137-0-27",
                                "qbs-10-137-0-28", "forward"}));
  EXPECT_TRUE(view.HasChain("forward"));
  EXPECT_FALSE(view.HasChain("forwar"));
  EXPECT_EQ(view.sets, (std::vector<TableView::SetView>{{"pin-10-137-0-25-1", 8192, true},
                                                        {"mine", 0, false},
                                                        {"of-ports", 0, false},
                                                        {"unrelated", 0, false},
                                                        {"pin-10-137-0-25-2", 0, true},
                                                        {"pin-10-137-0-25-3", 65535, false}}))
      << "nft makes a set dynamic that a rule updates";
  EXPECT_EQ(view.digests,
            (std::map<std::string, std::string>{{"qbs-10-137-0-25", "0123456789abcdef"}}));
}

TEST_F(TableViewTest, KnowsWhatOthersNeed) {
  Shell(kTables);
  const std::set<std::string> used = Views().at("dnspin").used;
  for (const char* name : {"pin-10-137-0-25-1", "qbs-10-137-0-25", "qbs-10-137-0-26",
                           "qbs-10-137-0-27", "pin-10-137-0-25-3"}) {
    EXPECT_TRUE(used.contains(name)) << name;
  }
  EXPECT_FALSE(used.contains("unrelated")) << "a rule of ours names it";
  EXPECT_FALSE(used.contains("pin-10-137-0-25-2")) << "a client's chain names it";
  EXPECT_FALSE(used.contains("qbs-10-137-0-28")) << "our map names it";
}

TEST_F(TableViewTest, EachTableIsItsOwn) {
  EXPECT_TRUE(Views().empty());
  Shell(kTables);
  const TableViews views = Views();
  EXPECT_EQ(views.size(), 3U);
  const TableView& other = views.at("other");
  EXPECT_EQ(other.own_rules.size(), 1U);
  EXPECT_EQ(other.chains, (Names{"elsewhere", "input"}));
  EXPECT_TRUE(other.used.contains("elsewhere"));
  EXPECT_FALSE(views.at("dnspin").used.contains("elsewhere"));
  EXPECT_EQ(views.at("empty"), TableView{});
  const TableViews six = Views(Family::kIpv6);
  EXPECT_EQ(six.size(), 1U);
  EXPECT_EQ(six.at("dnspin").chains, Names{"six"});
}

// In libnftables 1.0.6 a listing as JSON of such tables reads freed memory.
TEST_F(TableViewTest, ATableAsleepIsSeenAsWell) {
  Shell(kTables);
  const TableViews before = Views();
  Shell("nft 'add table ip dnspin { flags dormant; }; add table ip other { flags dormant; }'");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(Views(), before);
  }
}

}  // namespace
}  // namespace dnspin
