#include "nft/network_sets.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nft/ruleset.h"

namespace dnspin {
namespace {

Address A(const char* text) { return *Address::Parse(text); }

ClientRules Client(const std::vector<const char*>& addresses, const std::vector<Rule>& rules) {
  ClientRules client{{}, rules, GroupsOf(rules, {}), 8192};
  for (const char* address : addresses) {
    client.addresses.push_back(A(address));
  }
  client.logged = false;
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

// The lines of a text that are about one table, without it.
std::string About(const std::string& text, const std::string& table) {
  std::string lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    const size_t place = line.find(" " + table + " ");
    if (place != std::string::npos) {
      lines += line.erase(place, table.size() + 1) + "\n";
    }
    begin = end + 1;
  }
  return lines;
}

Rule AcceptNetworks(const NetworkLists& lists, const std::string& path) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.networks = lists.at(path);
  rule.service = {Protocol::kTcp, PortRange{443, 443}, {}};
  return rule;
}

NetworkLists List(const std::string& path, const std::vector<const char*>& networks) {
  std::vector<Prefix> prefixes;
  for (const char* const network : networks) {
    prefixes.push_back(*Prefix::Parse(network));
  }
  return {{path, std::make_shared<const NetworkList>(NetworkList{path, Merged(prefixes)})}};
}

TEST(NetworkSets, ManyNetworksAreOneSet) {
  const NetworkLists lists =
      List("fastly", {"151.101.0.0/17", "151.101.128.0/17", "192.0.2.7", "2a04:4e40::/32"});
  const Ruleset ruleset{
      Terms(), {Client({"10.137.0.25"}, {AcceptNetworks(lists, "fastly")})}, {}, {}, {}, {}, lists};
  KernelView view;
  view.filter[0].sets = {{"addresses-old", 0, false, true}, {"addresses-theirs", 0, false, false}};
  const std::string text = InstallText(ruleset, view, RefreshWay::kInPlace);
  EXPECT_TRUE(Has(text,
                  "add set ip dnspin addresses-fastly { type ipv4_addr; flags interval; comment "
                  "\"made by dnspin\"; }\n"
                  "flush set ip dnspin addresses-fastly\n"
                  "add element ip dnspin addresses-fastly { 151.101.0.0-151.101.255.255, "
                  "192.0.2.7 }"));
  EXPECT_TRUE(Has(text,
                  "add element ip6 dnspin addresses-fastly { "
                  "2a04:4e40::-2a04:4e40:ffff:ffff:ffff:ffff:ffff:ffff }"));
  EXPECT_TRUE(Has(text,
                  "add rule ip dnspin qbs-10-137-0-25 ip daddr @addresses-fastly tcp dport 443 "
                  "accept"));
  EXPECT_TRUE(Has(text, "delete set ip dnspin addresses-old"));
  EXPECT_EQ(text.find("addresses-theirs"), std::string::npos);
}

TEST(NetworkSets, AListOfNetworksComesChangesAndGoes) {
  const NetworkLists before = List("fastly", {"192.0.2.0/24"});
  const NetworkLists after = List("fastly", {"192.0.2.0/25"});
  const ClientRules old_client = Client({"10.137.0.25"}, {AcceptNetworks(before, "fastly")});
  const ClientRules new_client = Client({"10.137.0.25"}, {AcceptNetworks(after, "fastly")});
  const auto text = [](const ClientRules& was, const NetworkLists& had, const ClientRules& is,
                       const NetworkLists& has) {
    RulesetChange change{{{was, is}}, {}, {}};
    change.gone_elements.lists = Without(had, has);
    change.new_elements.lists = Without(has, had);
    return About(ChangeText("dnspin", change, {}, RefreshWay::kInPlace), "ip dnspin");
  };
  const std::string set =
      "add set addresses-fastly { type ipv4_addr; flags interval; comment "
      "\"made by dnspin\"; }\nflush set addresses-fastly\n";
  EXPECT_EQ(text(Client({"10.137.0.25"}, {}), {}, old_client, before),
            set +
                "add element addresses-fastly { 192.0.2.0-192.0.2.255 }\n"
                "flush chain qbs-10-137-0-25\n"
                "add rule qbs-10-137-0-25 ip daddr @addresses-fastly tcp dport 443 accept\n"
                "add rule qbs-10-137-0-25 reject with icmp type admin-prohibited\n");
  EXPECT_EQ(text(old_client, before, new_client, after),
            set +
                "add element addresses-fastly { 192.0.2.0-192.0.2.127 }\n"
                "flush chain qbs-10-137-0-25\n"
                "add rule qbs-10-137-0-25 ip daddr @addresses-fastly tcp dport 443 accept\n"
                "add rule qbs-10-137-0-25 reject with icmp type admin-prohibited\n");
  EXPECT_EQ(text(new_client, after, Client({"10.137.0.25"}, {}), {}),
            "flush chain qbs-10-137-0-25\n"
            "delete set addresses-fastly\n"
            "add rule qbs-10-137-0-25 reject with icmp type admin-prohibited\n");
}

}  // namespace
}  // namespace dnspin
