#include "nft/table_view.h"

#include <gtest/gtest.h>

#include <string>

namespace dnspin {
namespace {

// As `nft -j -t list ruleset ip` of nftables 1.0.6 prints it.
constexpr const char* kListing = R"({"nftables": [
{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
{"table": {"family": "ip", "name": "dnspin", "handle": 1}},
{"set": {"family": "ip", "name": "pin-10-137-0-25-1", "table": "dnspin", "type": "ipv4_addr",
         "handle": 3, "size": 8192, "flags": ["timeout"]}},
{"set": {"family": "ip", "name": "mine", "table": "dnspin", "type": "ipv4_addr", "handle": 4}},
{"map": {"family": "ip", "name": "clients", "table": "dnspin", "type": "ipv4_addr", "handle": 15,
         "map": "verdict"}},
{"chain": {"family": "ip", "table": "dnspin", "name": "forward", "handle": 1, "type": "filter",
           "hook": "forward", "prio": 0, "policy": "drop"}},
{"chain": {"family": "ip", "table": "dnspin", "name": "qbs-10-137-0-25", "handle": 2}},
{"rule": {"family": "ip", "table": "dnspin", "chain": "forward", "handle": 7,
          "comment": "made by dnspin",
          "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
                              "right": "@unrelated"}}, {"drop": null}]}},
{"rule": {"family": "ip", "table": "dnspin", "chain": "forward", "handle": 8,
          "comment": "made by dnspin, said somebody",
          "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
                              "right": "@pin-10-137-0-25-1"}},
                   {"jump": {"target": "qbs-10-137-0-25"}}]}},
{"rule": {"family": "ip", "table": "dnspin", "chain": "qbs-10-137-0-25", "handle": 9,
          "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
                              "right": "@pin-10-137-0-25-2"}}, {"accept": null}]}},
{"rule": {"family": "ip", "table": "dnspin", "chain": "qbs-10-137-0-25", "handle": 10,
          "comment": "rules 0123456789abcdef", "expr": [{"reject": null}]}},
{"rule": {"family": "ip", "table": "dnspin", "chain": "forward", "handle": 12,
          "comment": "made by dnspin", "expr": [{"accept": null}]}},
{"table": {"family": "ip", "name": "other", "handle": 2}},
{"chain": {"family": "ip", "table": "other", "name": "input", "handle": 1}},
{"rule": {"family": "ip", "table": "other", "chain": "input", "handle": 13,
          "comment": "made by dnspin", "expr": [{"jump": {"target": "elsewhere"}}]}},
{"rule": {"family": "ip", "table": "other", "chain": "input", "handle": 14,
          "expr": [{"jump": {"target": "elsewhere"}}]}},
{"table": {"family": "ip", "name": "empty", "handle": 3}}
]})";

TEST(TableView, TellsOursFromWhatOthersMade) {
  const auto views = ReadTableViews(kListing);
  ASSERT_TRUE(views.ok()) << views.status();
  ASSERT_TRUE(views->contains("dnspin"));
  const TableView* const view = &views->at("dnspin");
  EXPECT_EQ(view->own_rules, (std::vector<TableView::OwnRule>{{"forward", 7}, {"forward", 12}}));
  EXPECT_EQ(view->chains, (std::vector<std::string>{"forward", "qbs-10-137-0-25"}));
  EXPECT_TRUE(view->HasChain("forward"));
  EXPECT_FALSE(view->HasChain("forwar"));
  EXPECT_EQ(view->sets, (std::vector<TableView::SetView>{{"pin-10-137-0-25-1", 8192, true},
                                                         {"mine", 0, false}}));
  EXPECT_EQ(view->digests,
            (std::map<std::string, std::string>{{"qbs-10-137-0-25", "0123456789abcdef"}}));
  EXPECT_TRUE(view->used.contains("pin-10-137-0-25-1"));
  EXPECT_TRUE(view->used.contains("qbs-10-137-0-25"));
  EXPECT_FALSE(view->used.contains("unrelated"));          // a rule of ours names it
  EXPECT_FALSE(view->used.contains("pin-10-137-0-25-2"));  // a client's chain names it
}

TEST(TableView, WhatIsNoListingIsAnError) {
  for (const char* bad : {"", "{", "[]", "1", "{}", R"({"nftables": 1})"}) {
    EXPECT_FALSE(ReadTableViews(bad).ok()) << bad;
  }
}

TEST(TableView, OddEntriesAreNotOurs) {
  const auto views = ReadTableViews(
      R"({"nftables": [1, {}, {"rule": 1}, {"rule": {}}, {"rule": {"comment": 5, "expr": 3}},
          {"a": {}, "b": {}}, {"set": {"size": -1}}]})");
  ASSERT_TRUE(views.ok()) << views.status();
  for (const auto& [name, view] : *views) {
    EXPECT_TRUE(view.own_rules.empty()) << name;
  }
}

TEST(TableView, EachTableIsItsOwn) {
  const auto views = ReadTableViews(kListing);
  ASSERT_TRUE(views.ok()) << views.status();
  EXPECT_EQ(views->size(), 4U) << "three, and what is in none";
  const TableView& other = views->at("other");
  EXPECT_EQ(other.own_rules, (std::vector<TableView::OwnRule>{{"input", 13}}));
  EXPECT_EQ(other.chains, std::vector<std::string>{"input"});
  EXPECT_TRUE(other.used.contains("elsewhere"));
  EXPECT_FALSE(views->at("dnspin").used.contains("elsewhere"));
  EXPECT_EQ(views->at("empty"), TableView{});
}

}  // namespace
}  // namespace dnspin
