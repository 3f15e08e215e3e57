#include "nft/ruleset.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "pinning/kernel_name.h"
#include "tests/unit/ruleset_text.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Address A(const char* text) { return *Address::Parse(text); }

Rule Accept(const char* host) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kName, *Name::FromHost(host), {}};
  return rule;
}

Rule AcceptTcp(const char* host, uint16_t port) {
  Rule rule = Accept(host);
  rule.service = {Protocol::kTcp, PortRange{port, port}, {}};
  return rule;
}

ClientRules Client(const std::vector<const char*>& addresses, const std::vector<Rule>& rules) {
  ClientRules client{{}, rules, GroupsOf(rules, {}), 8192};
  for (const char* address : addresses) {
    client.addresses.push_back(A(address));
  }
  return client;
}

RulesetTerms Terms() {
  RulesetTerms terms;
  terms.interfaces = {"vif*"};
  terms.reader_uid = 65533;
  terms.upstreams = {*Endpoint::Parse("192.0.2.53"), *Endpoint::Parse("[2001:db8::53]:5353")};
  terms.intercept = {A("10.139.1.1"), A("10.139.1.2")};
  return terms;
}

bool Has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Ruleset, TheWholeOfOneClient) {
  Ruleset ruleset{Terms(), {Client({"10.137.0.25"}, {AcceptTcp("a.example", 443)})}, {}, {}};
  ruleset.doorways = {{A("10.137.0.25"), 4053}};
  ruleset.pins = {{"pin-10-137-0-25-1", A("192.0.2.1"), seconds(90), "a.example"}};
  const std::string text = InstallText(ruleset, {}, RefreshWay::kInPlace);
  EXPECT_EQ(About(text, "ip dnspin"),
            R"(add chain forward { type filter hook forward priority filter; policy drop; }
add chain qubes-forward
add chain prerouting { type filter hook prerouting priority raw; policy accept; }
add set dns-addr { type ipv4_addr; }
add map clients { type ipv4_addr : verdict; }
flush set dns-addr
flush map clients
add set pin-10-137-0-25-1 { type ipv4_addr; flags timeout; size 8192; }
add chain qbs-10-137-0-25
add element clients { 10.137.0.25 : jump qbs-10-137-0-25 }
add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-1 tcp dport 443 accept
add rule qbs-10-137-0-25 reject with icmp type admin-prohibited
add element pin-10-137-0-25-1 { 192.0.2.1 timeout 90000ms expires 90000ms comment "a.example" }
add rule forward ct state established,related accept comment "made by dnspin"
add rule forward oifname "vif*" drop comment "made by dnspin"
add rule forward iifname != "vif*" accept comment "made by dnspin"
add rule forward jump qubes-forward comment "made by dnspin"
add rule qubes-forward ip saddr vmap @clients comment "made by dnspin"
add rule prerouting iifname "vif*" fib saddr . iif oif missing drop comment "made by dnspin"
)");
  const std::string question =
      "add rule prerouting iifname \"vif*\" ip daddr { 10.139.1.1, 10.139.1.2 } "
      "meta l4proto { 6, 17 } th dport 53 ";
  EXPECT_EQ(
      About(text, "ip dnspin-dns"),
      "add chain prerouting { type nat hook prerouting priority dstnat - 1; policy accept; }\n"
      "add map doors { type ipv4_addr : inet_service; }\n"
      "add set upstreams { type ipv4_addr . inet_service; }\n" +
          question + "redirect to :ip saddr map @doors comment \"made by dnspin\"\n" + question +
          "drop comment \"made by dnspin\"\n" +
          "add chain output { type filter hook output priority filter; policy accept; }\n"
          "add set replies { type ipv4_addr . inet_service; }\n"
          "flush set upstreams\n"
          "add element upstreams { 192.0.2.53 . 53 }\n"
          "add rule output meta skuid 65533 oifname \"vif*\" ct direction reply meta l4proto { "
          "6, 17 } ip daddr . th sport @replies accept comment \"made by dnspin\"\n"
          "add rule output meta skuid 65533 oifname != \"vif*\" meta l4proto { 6, 17 } ip daddr . "
          "th dport @upstreams accept comment \"made by dnspin\"\n"
          "add rule output meta skuid 65533 meta l4proto tcp counter reject with tcp reset comment "
          "\"made by dnspin\"\n"
          "add rule output meta skuid 65533 counter drop comment \"made by dnspin\"\n"
          "flush map doors\nflush set replies\nadd element doors { 10.137.0.25 : 4053 }\n"
          "add element replies { 10.137.0.25 . 4053 }\n");
  EXPECT_TRUE(Has(text, "add map ip6 dnspin clients { type ipv6_addr : verdict; }"));
  EXPECT_EQ(text.find("qbs-", text.find("ip6 dnspin")), std::string::npos);
  EXPECT_EQ(About(text, "ip6 dnspin-dns").find("redirect"), std::string::npos);
  EXPECT_EQ(text.find("custom-input"), std::string::npos);
}

TEST(Ruleset, ManyInterfacesAndOpenInbound) {
  RulesetTerms terms = Terms();
  terms.interfaces = {"vif*", "tap0"};
  terms.intercept_any = true;
  terms.dns_servers = {A("9.9.9.9"), A("2620:fe::fe"), A("9.9.9.10")};
  const std::string closed = InstallText({terms, {}, {}, {}}, {}, RefreshWay::kInPlace);
  EXPECT_TRUE(
      Has(closed, "add rule ip dnspin forward oifname \"tap0\" drop comment \"made by dnspin\""));
  EXPECT_TRUE(Has(closed,
                  "add rule ip6 dnspin forward iifname != \"vif*\" iifname != \"tap0\" accept "
                  "comment \"made by dnspin\""));
  EXPECT_TRUE(Has(closed,
                  "add rule ip6 dnspin-dns prerouting iifname \"tap0\" meta l4proto { 6, 17 } th "
                  "dport 53 redirect to :ip6 saddr map @doors comment \"made by dnspin\""));
  EXPECT_TRUE(Has(closed, "add element ip dnspin dns-addr { 9.9.9.9, 9.9.9.10 }"));
  EXPECT_TRUE(Has(closed, "add element ip6 dnspin dns-addr { 2620:fe::fe }"));
  EXPECT_TRUE(Has(closed, "add element ip6 dnspin-dns upstreams { 2001:db8::53 . 5353 }"));
  EXPECT_TRUE(Has(closed,
                  "add rule ip dnspin-dns output meta skuid 65533 oifname \"tap0\" ct direction "
                  "reply meta l4proto { 6, 17 } ip daddr . th sport @replies accept comment \"made "
                  "by dnspin\""));
  terms.inbound_open = true;
  const std::string open = InstallText({terms, {}, {}, {}}, {}, RefreshWay::kInPlace);
  EXPECT_EQ(open.find("forward oifname"), std::string::npos);
}

TEST(Ruleset, OverAnEarlierRunOursGoesAndOthersStay) {
  KernelView view;
  view.filter[0].own_rules = {{"forward", 5}, {"forward", 6}, {"qubes-forward", 9}};
  view.filter[0].chains = {"forward",         "qubes-forward",  "mine",
                           "qbs-10-137-0-25", "qbs-10-137-0-9", "qbs-10-137-0-8"};
  view.filter[0].sets = {{"dns-addr", 0},
                         {"pin-10-137-0-25-1", 8192},
                         {"pin-10-137-0-25-2", 8192},
                         {"pin-10-137-0-9-1", 8192},
                         {"pin-10-137-0-8-1", 8192},
                         {"pin-10-137-0-25-3", 64},
                         {"drop-10-137-0-25-1", 0},
                         {"mine", 4}};
  view.filter[0].used = {"qbs-10-137-0-8", "pin-10-137-0-8-1"};
  const Ruleset ruleset{Terms(),
                        {Client({"10.137.0.25"}, {Accept("a.example"), AcceptTcp("b.example", 80),
                                                  Accept("c.example")})},
                        {},
                        {{"pin-10-137-0-25-1", A("192.0.2.1"), seconds(90), "a.example"}}};
  view.pins = {
      {Family::kIpv4, "pin-10-137-0-25-1", A("192.0.2.1"), milliseconds(89'500), "a.example"},
      {Family::kIpv4, "pin-10-137-0-25-1", A("192.0.2.9"), seconds(60), "a.example"}};
  const std::string text = About(InstallText(ruleset, view, RefreshWay::kInPlace), "ip dnspin");

  // Our rules in shared chains: new ones before the first old one, then the old ones go.
  EXPECT_TRUE(
      Has(text, "insert rule forward handle 5 jump qubes-forward comment \"made by dnspin\""));
  EXPECT_TRUE(Has(text, "delete rule forward handle 5\ndelete rule forward handle 6"));
  EXPECT_TRUE(Has(text, "delete rule qubes-forward handle 9"));
  // Client chains are emptied, and removed unless wanted or named by others.
  for (const char* chain : {"qbs-10-137-0-25", "qbs-10-137-0-9", "qbs-10-137-0-8"}) {
    EXPECT_TRUE(Has(text, std::string("flush chain ") + chain)) << chain;
  }
  EXPECT_TRUE(Has(text, "delete chain qbs-10-137-0-9"));
  EXPECT_FALSE(Has(text, "delete chain qbs-10-137-0-25"));
  EXPECT_FALSE(Has(text, "delete chain qbs-10-137-0-8"));
  // Of sets that stay, elements that are not wanted go, and what is as it should be is not touched;
  // one of another size is made anew.
  EXPECT_TRUE(Has(text, "delete element pin-10-137-0-25-1 { 192.0.2.9 }"));
  EXPECT_FALSE(Has(text, "192.0.2.1 "));
  EXPECT_FALSE(Has(text, "flush set pin-10-137-0-25"));
  EXPECT_TRUE(Has(text, "delete set pin-10-137-0-25-3"));
  EXPECT_TRUE(Has(text, "add set pin-10-137-0-25-3 { type ipv4_addr; flags timeout; size 8192; }"));
  EXPECT_TRUE(Has(text, "delete set pin-10-137-0-9-1"));
  EXPECT_TRUE(Has(text, "flush set pin-10-137-0-8-1"));
  EXPECT_TRUE(Has(text, "delete set drop-10-137-0-25-1"));
  EXPECT_EQ(text.find("mine"), std::string::npos);
}

TEST(Ruleset, AClientComesAndGoes) {
  const ClientRules client =
      Client({"10.137.0.25", "fd09::19", "10.137.0.26"}, {Accept("a.example")});
  const std::string coming =
      ChangeText("dnspin", {{{{}, client}}, {}, {}, {}}, {}, RefreshWay::kInPlace);
  EXPECT_EQ(WithoutLogs(coming),
            R"(add set ip dnspin pin-10-137-0-25-1 { type ipv4_addr; flags timeout; size 8192; }
add chain ip dnspin qbs-10-137-0-25
add element ip dnspin clients { 10.137.0.25 : jump qbs-10-137-0-25 }
add chain ip dnspin qbs-10-137-0-26
add element ip dnspin clients { 10.137.0.26 : jump qbs-10-137-0-26 }
add rule ip dnspin qbs-10-137-0-25 ip daddr @pin-10-137-0-25-1 accept
add rule ip dnspin qbs-10-137-0-25 reject with icmp type admin-prohibited
add rule ip dnspin qbs-10-137-0-26 ip daddr @pin-10-137-0-25-1 accept
add rule ip dnspin qbs-10-137-0-26 reject with icmp type admin-prohibited
add set ip6 dnspin pin-fd09--19-1 { type ipv6_addr; flags timeout; size 8192; }
add chain ip6 dnspin qbs-fd09--19
add element ip6 dnspin clients { fd09::19 : jump qbs-fd09--19 }
add rule ip6 dnspin qbs-fd09--19 ip6 daddr @pin-fd09--19-1 accept
add rule ip6 dnspin qbs-fd09--19 reject with icmpv6 type admin-prohibited
)");
  const std::string going = About(
      ChangeText("dnspin", {{{client, {}}}, {}, {}, {}}, {}, RefreshWay::kInPlace), "ip6 dnspin");
  EXPECT_EQ(going, R"(delete element clients { fd09::19 }
flush chain qbs-fd09--19
delete chain qbs-fd09--19
delete set pin-fd09--19-1
)");
}

TEST(Ruleset, PinsMoveWithTheRules) {
  const ClientRules before =
      Client({"10.137.0.25"}, {AcceptTcp("a.example", 80), Accept("b.example")});
  const ClientRules after = Client({"10.137.0.25"}, {AcceptTcp("a.example", 80)});
  RulesetChange change{{{before, after}}, {}, {}};
  change.gone = {{"pin-10-137-0-25-2", A("192.0.2.2")},   // the set goes: no need to say more
                 {"pin-10-137-0-25-1", A("192.0.2.3")},   // revoked
                 {"pin-10-137-0-25-1", A("192.0.2.5")},   // revoked
                 {"pin-10-137-0-25-1", A("192.0.2.4")}};  // is in another set now
  change.pins = {{"pin-10-137-0-25-1", A("192.0.2.2"), milliseconds(300), "a\"\n.example"},
                 {"pin-other-1", A("192.0.2.4"), seconds(60), "", true}};
  change.gone_elements.doorways = {{A("10.137.0.9"), 4054}};
  change.new_elements.sources = {{"vif4.0", A("10.137.0.25")}};
  const std::string text = ChangeText("dnspin", change, {}, RefreshWay::kInPlace);
  EXPECT_EQ(About(text, "ip dnspin"),
            "add element pin-10-137-0-25-1 { 192.0.2.3 timeout 1000ms expires 1000ms, "
            "192.0.2.5 timeout 1000ms expires 1000ms }\n"
            "delete element pin-10-137-0-25-1 { 192.0.2.3, 192.0.2.5 }\n"
            "flush chain qbs-10-137-0-25\n"
            "delete set pin-10-137-0-25-2\n"
            "add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-1 tcp dport 80 accept\n"
            "add rule qbs-10-137-0-25 reject with icmp type admin-prohibited\n"
            "add element pin-10-137-0-25-1 { 192.0.2.2 timeout 1000ms expires 1000ms "
            "comment \"a??.example\" }\n"
            "add element pin-other-1 { 192.0.2.4 timeout 60000ms expires 60000ms }\n"
            "delete element pin-other-1 { 192.0.2.4 }\n"
            "add element pin-other-1 { 192.0.2.4 timeout 60000ms expires 60000ms }\n"
            "add element sources { \"vif4.0\" . 10.137.0.25 }\n");
  EXPECT_EQ(About(text, "ip dnspin-dns"),
            "delete element doors { 10.137.0.9 : 4054 }\n"
            "delete element replies { 10.137.0.9 . 4054 }\n");
  EXPECT_EQ(About(text, "ip6 dnspin"), "");

  EXPECT_EQ(MovedText("dnspin", change),
            "add element ip dnspin pin-10-137-0-25-1 { 192.0.2.4 timeout 1000ms expires 1000ms }\n"
            "delete element ip dnspin pin-10-137-0-25-1 { 192.0.2.4 }\n");
  change.pins.clear();
  EXPECT_EQ(MovedText("dnspin", change), "");
}

ClientRules Dropping(std::vector<DropElement> drops, uint32_t closed_from) {
  Rule drop = Accept("ads.example");
  drop.action = Action::kDrop;
  ClientRules client = Client({"10.137.0.25"}, {Accept("a.example"), drop, Accept("b.example")});
  client.drops = std::move(drops);
  client.closed_from = closed_from;
  return client;
}

const DropElement kAd = {2, A("192.0.2.1"), "ads.example"};
const DropElement kOtherAd = {2, A("192.0.2.2"), "ads.example"};

TEST(Ruleset, DropSetsAreFilledWithTheRules) {
  const ClientRules client = Dropping({kAd}, 3);
  const std::string coming = About(
      ChangeText("dnspin", {{{{}, client}}, {}, {}, {}}, {}, RefreshWay::kInPlace), "ip dnspin");
  EXPECT_TRUE(Has(coming, "add set drop-10-137-0-25-2 { type ipv4_addr; }"));
  EXPECT_TRUE(Has(coming,
                  "flush set drop-10-137-0-25-2\n"
                  "add element drop-10-137-0-25-2 { 192.0.2.1 comment \"ads.example\" }\n"
                  "add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-1 accept\n"
                  "add rule qbs-10-137-0-25 ip daddr @drop-10-137-0-25-2 "
                  "reject with icmp type admin-prohibited\n"
                  "add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-3 accept"));
  const std::string same =
      ChangeText("dnspin", {{{client, client}}, {}, {}, {}}, {}, RefreshWay::kInPlace);
  EXPECT_EQ(same.find("drop-10-137-0-25-2 {"), std::string::npos) << "as it was";

  KernelView view;  // what an earlier run left, whatever it is
  view.filter[0].chains = {"qbs-10-137-0-25"};
  view.filter[0].sets = {{"drop-10-137-0-25-2", 0, true}};
  const std::string anew =
      About(InstallText({Terms(), {client}, {}, {}}, view, RefreshWay::kInPlace), "ip dnspin");
  EXPECT_LT(anew.find("flush chain qbs-10-137-0-25"), anew.find("delete set drop-10-137-0-25-2"));
  EXPECT_LT(anew.find("delete set drop-10-137-0-25-2"), anew.find("add set drop-10-137-0-25-2"));
  EXPECT_TRUE(Has(anew, "add element drop-10-137-0-25-2 { 192.0.2.1 comment \"ads.example\" }"));
}

TEST(Ruleset, ADroppedNameGetsOtherAddresses) {
  const std::vector<ClientChange> moved = {{Dropping({kAd}, 3), Dropping({kOtherAd}, 3)}};
  EXPECT_EQ(DropsText("dnspin", moved),
            "flush set ip dnspin drop-10-137-0-25-2\n"
            "add element ip dnspin drop-10-137-0-25-2 { 192.0.2.2 comment \"ads.example\" }\n");
  const std::vector<ClientChange> gone = {{Dropping({kAd}, 3), Dropping({}, 3)}};
  EXPECT_EQ(DropsText("dnspin", gone), "flush set ip dnspin drop-10-137-0-25-2\n");
}

TEST(Ruleset, AChainOpensWithTheElementsThatItWaitedFor) {
  const std::vector<ClientChange> opens = {{Dropping({}, 1), Dropping({kAd}, 3)}};
  const std::string text = DropsText("dnspin", opens);
  EXPECT_EQ(About(text, "ip dnspin"),
            R"(flush set drop-10-137-0-25-2
add element drop-10-137-0-25-2 { 192.0.2.1 comment "ads.example" }
flush chain qbs-10-137-0-25
add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-1 accept
add rule qbs-10-137-0-25 ip daddr @drop-10-137-0-25-2 reject with icmp type admin-prohibited
add rule qbs-10-137-0-25 ip daddr @pin-10-137-0-25-3 accept
add rule qbs-10-137-0-25 reject with icmp type admin-prohibited
)");
}

TEST(Ruleset, OldKernelsAreToldThrice) {
  RulesetChange change;
  change.pins = {{"pin-a-1", A("2001:db8::1"), seconds(60), "x"}};
  const std::string add =
      "add element pin-a-1 { 2001:db8::1 timeout 60000ms expires 60000ms comment \"x\" }\n";
  EXPECT_EQ(About(ChangeText("dnspin", change, {}, RefreshWay::kAddDeleteAdd), "ip6 dnspin"),
            add + "delete element pin-a-1 { 2001:db8::1 }\n" + add);
}

TEST(Ruleset, AnAddressMayMoveFromOneClientToAnother) {
  const ClientRules one = Client({"10.137.0.25"}, {Accept("a.example")});
  const ClientRules other = Client({"10.137.0.25"}, {AcceptTcp("b.example", 443)});
  const std::string text =
      ChangeText("dnspin", {{{{}, other}, {one, {}}}, {}, {}, {}}, {}, RefreshWay::kInPlace);
  EXPECT_LT(text.find("delete set ip dnspin pin-10-137-0-25-1"),
            text.find("add set ip dnspin pin-10-137-0-25-1"));
  EXPECT_LT(text.find("delete chain ip dnspin qbs-10-137-0-25"),
            text.find("add chain ip dnspin qbs-10-137-0-25"));
}

TEST(Ruleset, QubesOsLetsQuestionsToOurDoorsIn) {
  KernelView view;
  view.qubes[0].chains = {"input", "custom-input"};
  view.qubes[0].own_rules = {{"custom-input", 44}};
  const std::string text = InstallText({Terms(), {}, {}, {}}, view, RefreshWay::kInPlace);
  const std::string rule = "insert rule custom-input handle 44 iifname \"vif*\" ct status dnat ";
  const std::string rest = " ct original proto-dst 53 accept comment \"made by dnspin\"\n";
  EXPECT_EQ(About(text, "ip qubes"), rule + "meta l4proto 17" + rest + rule + "meta l4proto 6" +
                                         rest + "delete rule custom-input handle 44\n");
  EXPECT_EQ(text.find("ip6 qubes"), std::string::npos);
  EXPECT_EQ(About(TeardownText("dnspin", view), "ip qubes"),
            "delete rule custom-input handle 44\n");
}

TEST(Ruleset, TeardownNamesOurTablesAlone) {
  EXPECT_EQ(TeardownText("dnspin", {}), R"(add table ip dnspin
delete table ip dnspin
add table ip dnspin-dns
delete table ip dnspin-dns
add table ip6 dnspin
delete table ip6 dnspin
add table ip6 dnspin-dns
delete table ip6 dnspin-dns
)");
}

TEST(Ruleset, WordsThatNftCouldMisread) {
  for (const char* good : {"vif*", "eth0", "wlan0.5", "x", "br-lan", "123456789012345"}) {
    EXPECT_TRUE(IsInterfacePattern(good)) << good;
  }
  for (const char* bad : {"", "*", "vif**", "v*f", "vif\"", "vif 1", "a;b", "1234567890123456", "é",
                          "a\nb", "$x", "vif\\*"}) {
    EXPECT_FALSE(IsInterfacePattern(bad)) << bad;
  }
  EXPECT_TRUE(IsTableName("qubes-firewall"));
  for (const char* bad : {"", "1a", "a b", "a;b", "-a", "a\"", "\xff"}) {
    EXPECT_FALSE(IsTableName(bad)) << bad;
  }
}

TEST(RulesetDeath, TermsWithoutAnInterfaceWouldFilterNothing) {
  EXPECT_DEATH((void)InstallText({RulesetTerms(), {}, {}, {}}, {}, RefreshWay::kInPlace),
               "check failed");
}

}  // namespace
}  // namespace dnspin
