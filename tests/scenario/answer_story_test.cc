// Stories of answers: what of them is told, and what of them is pinned (design.md 7, hardening.md
// 1c). "Trap N" is row N of the table of instructive bugs.

#include "tests/scenario/resolver_stage.h"

namespace dnspin {
namespace {

using namespace stage;  // NOLINT: the vocabulary of the stories

using Strings = std::vector<std::string>;
const Strings kRules = {"drop *.ads.test", "accept .example.com tcp 443", "accept .rebind.test",
                        "drop"};

struct Row {
  const char* story;
  Message message;
  Strings told;  // and pinned
  uint8_t rcode = dns::kNoError;
  std::optional<uint16_t> ede = {};
  uint16_t type = dns::kA;
  const char* name = "www.example.com";
};

void Play(const Row& row) {
  SCOPED_TRACE(row.story);
  Stage stage(kRules);
  // A good answer that does open, so that "nothing opens" can fail.
  stage.Ask("good.example.com");
  stage.UpstreamSays({.answer = {Record4("good.example.com", 250)}});
  ASSERT_EQ(stage.firewall.requests.size(), 1U);
  stage.FirewallDoesAll();

  const auto id = stage.Ask(row.name, row.type);
  stage.UpstreamSays(row.message);
  stage.FirewallDoesAll();
  Strings pinned;
  for (size_t i = 1; i < stage.firewall.requests.size(); ++i) {
    for (const Address& address : stage.firewall.requests[i].addresses) {
      pinned.push_back(address.Text());
    }
  }
  EXPECT_EQ(stage.HeardOf(id).Addresses(), row.told);
  EXPECT_EQ(pinned, row.told);
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, row.rcode);
  EXPECT_EQ(stage.HeardOf(id).ede, row.ede);
  stage.NothingIsLeft();
}

std::vector<std::string> Chain(size_t links) {
  std::vector<std::string> records;
  std::string owner = "www.example.com";
  for (size_t i = 0; i < links; ++i) {
    const std::string target = "l" + std::to_string(i) + ".example.net";
    records.push_back(AliasOf(owner, target));
    owner = target;
  }
  records.push_back(Record4(owner, 1));
  return records;
}

TEST(AnswerStory, Trap12_ForeignRecordsStayBehind) {
  const std::string good = Record4("www.example.com", 1);
  const Row rows[] = {
      {"a good answer", {.answer = {good}}, {"203.0.113.1"}},
      {"an owner that nobody asked for",
       {.answer = {good, Record4("bank.test", 66)}},
       {"203.0.113.1"}},
      {"only such owners", {.answer = {Record4("bank.test", 66)}}, {}},
      {"a look-alike owner", {.answer = {Record4("xwww.example.com", 66), good}}, {"203.0.113.1"}},
      {"class CHAOS",
       {.answer = {ARecord(kToQuestion, 1, V4(203, 0, 113, 66), 60, 3), good}},
       {"203.0.113.1"}},
      {"the other family",
       {.answer = {RecordOf("www.example.com", "2001:db8::66"), good}},
       {"203.0.113.1"}},
      {"an address in the authority section",
       {.answer = {good}, .authority = {Record4("www.example.com", 66)}},
       {"203.0.113.1"}},
      {"an address in the additional section",
       {.answer = {good}, .additional = {Record4("www.example.com", 66)}},
       {"203.0.113.1"}},
      {"NXDOMAIN with an address", {.flags = 0x8183, .answer = {good}}, {}, dns::kNxDomain},
      {"SERVFAIL with an address",
       {.flags = 0x8182, .answer = {good}},
       {},
       dns::kServFail,
       dns::kEdeNoReachableAuthority},
      {"REFUSED with an address",
       {.flags = 0x8185, .answer = {good}},
       {},
       dns::kServFail,
       dns::kEdeNoReachableAuthority},
      {"YXDOMAIN with an address",
       {.flags = 0x8186, .answer = {good}},
       {},
       dns::kServFail,
       dns::kEdeNoReachableAuthority},
      {"the same address twice", {.answer = {good, good}}, {"203.0.113.1"}},
      {"RDLENGTH 8 hides another record",
       {.answer = {LyingRecord(kToQuestion, 1, V4(203, 0, 113, 66), 8)}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"RDLENGTH 0",
       {.answer = {LyingRecord(kToQuestion, 1, "", 0)}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"octets behind the end",
       {.answer = {good}, .behind = "x"},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
  };
  for (const Row& row : rows) {
    Play(row);
  }
}

TEST(AnswerStory, Trap13_ChainsAreFollowedAndBounded) {
  const Row rows[] = {
      {"one link", {.answer = Chain(1)}, {"203.0.113.1"}},
      {"16 links", {.answer = Chain(16)}, {"203.0.113.1"}},
      {"17 links", {.answer = Chain(17)}, {}, dns::kServFail, dns::kEdeInvalidData},
      {"order does not matter",
       {.answer = {Record4("b.test", 1), AliasOf("a.test", "b.test"),
                   AliasOf("www.example.com", "a.test")}},
       {"203.0.113.1"}},
      {"addresses along the way are not its end",
       {.answer = {AliasOf("www.example.com", "a.test"), Record4("www.example.com", 66),
                   Record4("a.test", 1)}},
       {"203.0.113.1"}},
      {"a loop",
       {.answer = {AliasOf("www.example.com", "a.test"), AliasOf("a.test", "www.example.com"),
                   Record4("a.test", 66)}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"an alias of itself",
       {.answer = {AliasOf("www.example.com", "www.example.com")}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"two aliases at one name",
       {.answer = {AliasOf("www.example.com", "a.test"), AliasOf("www.example.com", "b.test"),
                   Record4("a.test", 66), Record4("b.test", 66)}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"DNAME with the alias it makes",
       {.answer = {ARecord(N("example.com"), dns::kDname, N("example.net")),
                   AliasOf("www.example.com", "www.example.net"), Record4("www.example.net", 1)}},
       {"203.0.113.1"}},
      {"DNAME with another alias",
       {.answer = {ARecord(N("example.com"), dns::kDname, N("example.net")),
                   AliasOf("www.example.com", "www.evil.test"), Record4("www.evil.test", 66)}},
       {},
       dns::kServFail,
       dns::kEdeInvalidData},
      {"the chain ends elsewhere",
       {.answer = {AliasOf("www.example.com", "a.test"), Record4("b.test", 66)}},
       {}},
      {"a dropped name on the way",
       {.answer = {AliasOf("www.example.com", "x.ads.test"), AliasOf("x.ads.test", "b.test"),
                   Record4("b.test", 66)}},
       {},
       dns::kRefused,
       dns::kEdeBlocked},
  };
  for (const Row& row : rows) {
    Play(row);
  }
}

TEST(AnswerStory, Trap11_ForbiddenAddressesAreRemovedAndNeverPinned) {
  for (const char* address :
       {"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "192.168.255.255", "224.0.0.1", "255.255.255.255", "198.51.100.200"}) {
    Play({address,
          {.answer = {RecordOf("www.example.com", address)}},
          {},
          dns::kNoError,
          dns::kEdeFiltered});
    Play({address,
          {.answer = {RecordOf("www.example.com", address), Record4("www.example.com", 1)}},
          {"203.0.113.1"}});
    Play({address,
          {.answer = {Record4("www.example.com", 1), RecordOf("www.example.com", address)}},
          {"203.0.113.1"}});
  }
  for (const char* address :
       {"::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:198.51.100.200", "fc00::1",
        "fd00::1", "fe80::1", "fec0::1", "ff02::1", "64:ff9b::10.0.0.1", "64:ff9b::198.51.100.200",
        "2002:a00:1::", "2001:0:a00:1::"}) {
    Play({address,
          {.answer = {RecordOf("www.example.com", address)}},
          {},
          dns::kNoError,
          dns::kEdeFiltered,
          dns::kAaaa});
    Play({address,
          {.answer = {RecordOf("www.example.com", address),
                      RecordOf("www.example.com", "2001:db8::1")}},
          {"2001:db8::1"},
          dns::kNoError,
          {},
          dns::kAaaa});
  }
}

TEST(AnswerStory, AFilteredAnswerIsToldForFiveSeconds) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com");
  stage.UpstreamSays({.answer = {RecordOf("www.example.com", "10.0.0.1", 3600)}});
  stage.Pass(seconds(100));
  const auto later = stage.Ask("www.example.com");
  for (const auto one : {id, later}) {
    const Heard heard = stage.HeardOf(one);
    ASSERT_EQ(heard.answer.authority.size(), 1U);
    EXPECT_EQ(heard.answer.authority[0].type, dns::kSoa);
    EXPECT_EQ(heard.answer.authority[0].ttl, 5U);
  }
  EXPECT_EQ(stage.firewall.reports.size(), 2U) << "nobody hears why it does not work";
  stage.NothingIsLeft();
}

TEST(AnswerStory, RebindingIsAllowedByTheAskedName) {
  const struct {
    const char* name;
    const char* address;
    bool told;
  } rows[] = {
      {"nas.rebind.test", "192.168.1.5", true},     {"nas.rebind.test", "10.1.2.3", true},
      {"nas.rebind.test", "127.0.0.1", false},      {"nas.rebind.test", "169.254.1.1", false},
      {"nas.rebind.test", "198.51.100.200", false}, {"www.example.com", "192.168.1.5", false},
  };
  for (const auto& row : rows) {
    Stage stage(kRules);
    stage.policy.rebind_ok = {{HostPattern::Kind::kZone, Host("rebind.test"), ""}};
    stage.forwarder.SetPolicy(stage.policy, stage.now);
    const auto id = stage.Ask(row.name);
    stage.UpstreamSays({.answer = {AliasOf(row.name, "alias.rebind.test"),
                                   RecordOf("alias.rebind.test", row.address)}});
    EXPECT_EQ(stage.firewall.requests.size(), row.told ? 1U : 0U) << row.name << row.address;
    stage.FirewallDoesAll();
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), row.told ? 1U : 0U) << row.name << row.address;
    stage.NothingIsLeft();
  }
}

TEST(AnswerStory, UnpinnedPrivateAddressesAreToldWhereRulesReachThem) {
  const struct {
    const char* address;
    bool told;
  } rows[] = {{"192.168.1.5", true},
              {"192.168.2.5", false},
              {"203.0.113.1", true},
              {"127.0.0.1", false},
              {"10.0.0.1", false}};
  for (const auto& row : rows) {
    Stage stage({"accept dst4=192.168.1.0/24 tcp 443", "accept specialtarget=dns", "drop"});
    const auto id = stage.Ask("other.test");
    stage.UpstreamSays({.answer = {RecordOf("other.test", row.address)}});
    EXPECT_EQ(stage.HeardOf(id).Addresses().size(), row.told ? 1U : 0U) << row.address;
    EXPECT_TRUE(stage.firewall.requests.empty());
    stage.NothingIsLeft();
  }
}

TEST(AnswerStory, ABrokenServiceBindingIsNoAnswer) {
  Stage stage(kRules);
  const auto id = stage.Ask("www.example.com", dns::kHttps);
  const std::string binding = U16(1) + N("") + U16(4) + U16(4) + V4(203, 0, 113, 66);
  stage.UpstreamSays({.answer = {ARecord(kToQuestion, dns::kHttps, binding + "x")}});
  EXPECT_EQ(stage.HeardOf(id).answer.rcode, dns::kServFail);
  EXPECT_TRUE(stage.firewall.requests.empty());
  stage.NothingIsLeft();
}

}  // namespace
}  // namespace dnspin
