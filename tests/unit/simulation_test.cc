#include "cli/simulation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/terse_rule.h"

namespace dnspin {
namespace {

struct Story {
  std::string what;
  std::vector<std::string> then;  // rules
  std::vector<std::string> rows;
};

// In force: `accept .x.com tcp 443`.
const Json kReply = {
    {"client", "work"},
    {"rules",
     {{{"text", "action=accept dsthost=.x.com proto=tcp dstports=443-443"},
       {"origin", "clients.d/work:2"}}}},
    {"names",
     {{{"name", "a.x.com"},
       {"standing", "pinned"},
       {"rule", ".x.com"},
       {"addresses", {"192.0.2.7"}},
       {"ports", {"tcp/443"}}},
      {{"name", "b.com"}, {"standing", "prohibited"}}}},
    {"blocked",
     {{{"name", "a.x.com"}, {"address", "192.0.2.7"}, {"protocol", "tcp"}, {"port", 22}},
      {{"name", ""}, {"address", "192.0.2.9"}, {"protocol", "udp"}, {"port", 53}}}}};

const std::vector<Story> kStories = {
    {"the same",
     {"accept .x.com tcp 443"},
     {"= a.x.com pinned pinned file:1", "= a.x.com tcp/443 open open file:1",
      "= b.com prohibited prohibited ", "= a.x.com tcp/22 shut shut ",
      "= 192.0.2.9 udp/53 shut shut "}},
    {"nothing is allowed",
     {},
     {"- a.x.com pinned prohibited ", "= b.com prohibited prohibited ",
      "= a.x.com tcp/22 shut shut ", "= 192.0.2.9 udp/53 shut shut "}},
    {"more names, other ports",
     {"drop b.x.com", "accept a.x.com tcp 22", "accept b.com"},
     {"= a.x.com pinned pinned file:2", "- a.x.com tcp/443 open shut ",
      "+ b.com prohibited pinned file:3", "+ a.x.com tcp/22 shut open file:2",
      "= 192.0.2.9 udp/53 shut shut "}},
    {"a name is dropped",
     {"drop a.x.com", "accept .x.com"},
     {"- a.x.com pinned blocked file:1", "= b.com prohibited prohibited ",
      "= a.x.com tcp/22 shut shut ", "= 192.0.2.9 udp/53 shut shut "}},
    {"any name may be asked",
     {"accept .x.com tcp 443", "accept dns"},
     {"= a.x.com pinned pinned file:1", "= a.x.com tcp/443 open open file:1",
      "+ b.com prohibited answered file:2", "= a.x.com tcp/22 shut shut ",
      "= 192.0.2.9 udp/53 shut shut "}},
    {"everything",
     {"accept"},
     {"= a.x.com pinned open file:1", "+ b.com prohibited answered file:1",
      "+ a.x.com tcp/22 shut open file:1", "+ 192.0.2.9 udp/53 shut open "}},
    {"an address",
     {"accept .x.com tcp 443", "accept 192.0.2.0/24 udp"},
     {"= a.x.com pinned pinned file:1", "= a.x.com tcp/443 open open file:1",
      "= b.com prohibited prohibited ", "= a.x.com tcp/22 shut shut ",
      "+ 192.0.2.9 udp/53 shut open "}},
};

TEST(SimulationTest, WhatOtherRulesWouldHaveDone) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    std::vector<Rule> rules = TerseRules(story.then);
    const auto file = std::make_shared<const std::string>("file");
    for (size_t i = 0; i < rules.size(); ++i) {
      rules[i].origin = {file, i + 1};
    }
    std::vector<std::string> rows;
    for (const SimulatedRow& row : Simulate(ReadRecord(kReply), rules)) {
      rows.push_back(fmt::format("{} {} {} {} {}", "=-+"[static_cast<int>(row.change)], row.what,
                                 row.now, row.then, row.origin));
    }
    EXPECT_EQ(rows, story.rows);
  }
}

}  // namespace
}  // namespace dnspin
