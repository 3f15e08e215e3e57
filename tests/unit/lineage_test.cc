// Which records of an answer are about its question (peers.md 4, rows 12, 13 and 20).
#include "pinning/lineage.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/unit/terse_record.h"

namespace dnspin {
namespace {

using namespace terse;

struct Story {
  std::string what;
  uint16_t type;
  std::vector<Record> answer;
  std::vector<std::string> pinned;
  std::string names = "www.site.test";  // the lineage's, by blanks
  uint32_t ttl = 60;
  size_t records = SIZE_MAX;  // that descend; as many as are pinned, if not said
};

constexpr char kGood[] = "192.0.2.1", kGood2[] = "192.0.2.2", kEvil[] = "203.0.113.66";
constexpr char kGood6[] = "2001:db8::1", kEvil6[] = "2001:db8:bad::66";

const std::vector<Story> kStories = {
    {"an address", dns::kA, {A("www.site.test", kGood)}, {kGood}},
    {"an owner in other case", dns::kA, {A("WWW.Site.TEST", kGood)}, {kGood}},
    {"two", dns::kA, {A("www.site.test", kGood2), A("www.site.test", kGood)}, {kGood2, kGood}},
    {"an IPv6 address", dns::kAaaa, {Aaaa("www.site.test", kGood6)}, {kGood6}},
    {"nothing", dns::kA, {}, {}, "www.site.test", 0},
    {"the smallest TTL counts",
     dns::kA,
     {A("www.site.test", kGood, 300), A("www.site.test", kGood2, 20)},
     {kGood, kGood2},
     "www.site.test",
     20},

    {"a chain",
     dns::kA,
     {Cname("www.site.test", "edge.net"), A("edge.net", kGood)},
     {kGood},
     "www.site.test edge.net",
     60,
     2},
    {"a chain told backwards",
     dns::kA,
     {A("c.net", kGood), Cname("b.net", "c.net"), Cname("www.site.test", "b.net")},
     {kGood},
     "www.site.test b.net c.net",
     60,
     3},
    {"the smallest TTL along the chain",
     dns::kA,
     {Cname("www.site.test", "b.net", 300), Cname("b.net", "c.net", 7), A("c.net", kGood, 100)},
     {kGood},
     "www.site.test b.net c.net",
     7,
     3},
    {"a chain that ends outside the answer",
     dns::kA,
     {Cname("www.site.test", "edge.net")},
     {},
     "www.site.test edge.net",
     60,
     1},
    {"the same link twice",
     dns::kA,
     {Cname("www.site.test", "edge.net", 60), Cname("www.site.test", "edge.net", 9),
      A("edge.net", kGood)},
     {kGood},
     "www.site.test edge.net",
     9,
     2},

    // Foreign records: never pinned, never told, and their TTLs do not count.
    {"a record nobody asked for",
     dns::kA,
     {A("www.site.test", kGood), A("bank.test", kEvil, 1)},
     {kGood}},
    {"only foreign records", dns::kA, {A("bank.test", kEvil)}, {}, "www.site.test", 0},
    {"of the parent", dns::kA, {A("site.test", kEvil)}, {}, "www.site.test", 0},
    {"of a child", dns::kA, {A("a.www.site.test", kEvil)}, {}, "www.site.test", 0},
    {"an address beside an alias",
     dns::kA,
     {A("www.site.test", kEvil), Cname("www.site.test", "edge.net"), A("edge.net", kGood)},
     {kGood},
     "www.site.test edge.net",
     60,
     2},
    {"an address in the middle of the chain",
     dns::kA,
     {Cname("www.site.test", "b.net"), A("b.net", kEvil), Cname("b.net", "c.net"),
      A("c.net", kGood)},
     {kGood},
     "www.site.test b.net c.net",
     60,
     3},
    {"a second chain from another root",
     dns::kA,
     {A("www.site.test", kGood), Cname("other.test", "evil.net"), A("evil.net", kEvil)},
     {kGood}},
    {"a second chain that joins the first",
     dns::kA,
     {Cname("www.site.test", "edge.net"), Cname("other.test", "edge.net"), A("edge.net", kGood)},
     {kGood},
     "www.site.test edge.net",
     60,
     2},
    {"a chain that leads to the question, not from it",
     dns::kA,
     {Cname("evil.net", "www.site.test"), A("evil.net", kEvil)},
     {},
     "www.site.test",
     0},
    {"another class",
     dns::kA,
     {Chaos(A("www.site.test", kEvil)), A("www.site.test", kGood)},
     {kGood}},
    {"an alias of another class",
     dns::kA,
     {Chaos(Cname("www.site.test", "evil.net")), A("evil.net", kEvil)},
     {},
     "www.site.test",
     0},
    {"the other family",
     dns::kA,
     {A("www.site.test", kGood), Aaaa("www.site.test", kEvil6)},
     {kGood}},
    {"only the other family", dns::kAaaa, {A("www.site.test", kEvil)}, {}, "www.site.test", 0},
    {"addresses with a TXT",
     dns::kTxt,
     {Of("www.site.test", dns::kTxt, "\1x"), A("www.site.test", kEvil)},
     {},
     "www.site.test",
     60,
     1},
    {"addresses with an MX", dns::kMx, {A("www.site.test", kEvil)}, {}, "www.site.test", 0},
    {"a question for everything", dns::kAny, {A("www.site.test", kEvil)}, {}, "www.site.test", 0},
    {"a question for the alias itself",
     dns::kCname,
     {Cname("www.site.test", "edge.net"), A("edge.net", kEvil)},
     {},
     "www.site.test",
     60,
     1},
    {"an address that is none",
     dns::kA,
     {Of("www.site.test", dns::kA, "\1\2\3"), Of("www.site.test", dns::kA, "12345678"),
      Of("www.site.test", dns::kA, ""), A("www.site.test", kGood)},
     {kGood}},
    {"an IPv6 address in four octets",
     dns::kAaaa,
     {Of("www.site.test", dns::kAaaa, "\1\2\3\4")},
     {},
     "www.site.test",
     0},

    // Doubles.
    {"an address twice is one",
     dns::kA,
     {A("www.site.test", kGood, 60), A("www.site.test", kGood, 30)},
     {kGood},
     "www.site.test",
     30},
    {"an address five times among others",
     dns::kA,
     {A("www.site.test", kGood), A("www.site.test", kGood2), A("www.site.test", kGood),
      A("www.site.test", kGood2), A("www.site.test", kGood)},
     {kGood, kGood2}},

    // TTLs that are no TTLs.
    {"nought", dns::kA, {A("www.site.test", kGood, 0)}, {kGood}, "www.site.test", 0},
    {"2^31-1",
     dns::kA,
     {A("www.site.test", kGood, 0x7FFFFFFF)},
     {kGood},
     "www.site.test",
     0x7FFFFFFF},
    {"2^31 is nought",
     dns::kA,
     {A("www.site.test", kGood, 0x80000000)},
     {kGood},
     "www.site.test",
     0},
    {"2^32-1 is nought",
     dns::kA,
     {A("www.site.test", kGood, 0xFFFFFFFF)},
     {kGood},
     "www.site.test",
     0},
    {"nought somewhere in the chain",
     dns::kA,
     {Cname("www.site.test", "b.net", 0xFFFFFFFF), A("b.net", kGood, 300)},
     {kGood},
     "www.site.test b.net",
     0,
     2},
    {"a double whose TTL is none",
     dns::kA,
     {A("www.site.test", kGood, 60), A("www.site.test", kGood, 0xFFFFFFFF)},
     {kGood},
     "www.site.test",
     0},

    // A subtree's alias, and the link made from it.
    {"a DNAME and its CNAME",
     dns::kA,
     {Dname("site.test", "edge.net"), Cname("www.site.test", "www.edge.net"),
      A("www.edge.net", kGood)},
     {kGood},
     "www.site.test www.edge.net",
     60,
     3},
    {"a DNAME has a TTL too",
     dns::kA,
     {Dname("site.test", "edge.net", 3), Cname("www.site.test", "www.edge.net"),
      A("www.edge.net", kGood)},
     {kGood},
     "www.site.test www.edge.net",
     3,
     3},
    {"a DNAME without its CNAME leads nowhere",
     dns::kA,
     {Dname("site.test", "edge.net"), A("www.edge.net", kEvil)},
     {},
     "www.site.test",
     0},
    {"a DNAME of another class says nothing",
     dns::kA,
     {Chaos(Dname("site.test", "evil.net")), Cname("www.site.test", "b.net"), A("b.net", kGood)},
     {kGood},
     "www.site.test b.net",
     60,
     2},
    {"a DNAME at the name itself is not about it",
     dns::kA,
     {Dname("www.site.test", "evil.net"), A("www.site.test", kGood)},
     {kGood}},
    {"a DNAME elsewhere",
     dns::kA,
     {Dname("other.test", "evil.net"), A("www.site.test", kGood)},
     {kGood}},
};

std::string Joined(const std::vector<Name>& names) {
  std::string joined;
  for (const Name& name : names) {
    joined += (joined.empty() ? "" : " ") + name.Text();
  }
  return joined;
}

TEST(Lineage, OnlyWhatDescendsFromTheQuestion) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.what);
    const auto walked = Walk(AnswerOf(story.type, story.answer));
    ASSERT_TRUE(std::holds_alternative<Lineage>(walked));
    const auto& lineage = std::get<Lineage>(walked);
    std::vector<std::string> pinned;
    for (const Address& address : lineage.addresses) {
      pinned.push_back(address.Text());
    }
    EXPECT_EQ(pinned, story.pinned);
    EXPECT_EQ(Joined(lineage.names), story.names);
    EXPECT_EQ(lineage.ttl, story.ttl);
    EXPECT_EQ(lineage.records.size(),
              story.records == SIZE_MAX ? story.pinned.size() : story.records);
    for (const Record& record : lineage.records) {
      EXPECT_EQ(record.klass, dns::kIn);
      EXPECT_GE(record.ttl, lineage.ttl);
      EXPECT_LT(record.ttl, 0x80000000U);
    }
  }
}

}  // namespace
}  // namespace dnspin
