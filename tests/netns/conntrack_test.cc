#include "nft/conntrack.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/netns/fresh_namespace.h"

namespace dnspin {
namespace {

class ConntrackTest : public FreshNamespace {
 protected:
  static void Begin(const std::string& protocol, const std::string& from, const std::string& to,
                    int port) {
    const std::string state = protocol == "tcp" ? " --state ESTABLISHED" : "";
    Shell("conntrack -I -p " + protocol + " -s " + from + " -d " + to + " --sport 4000 --dport " +
          std::to_string(port) + " -t 60" + state + " >/dev/null 2>&1");
  }
  static std::string Flows() {
    return Shell("(conntrack -L -f ipv4; conntrack -L -f ipv6) 2>/dev/null");
  }
  static size_t CountFlows() {
    const std::string flows = Flows();
    return static_cast<size_t>(std::count(flows.begin(), flows.end(), '\n'));
  }
};

absl::StatusOr<size_t> ForgetDnsFlows(const std::vector<Address>& sources) {
  return ForgetFlows([&](const Flow& flow) {
    return IsDns(flow) && std::find(sources.begin(), sources.end(), flow.source) != sources.end();
  });
}

const std::vector<Address> kClient = {*Address::Parse("10.137.0.25"), *Address::Parse("fd09::19")};

TEST_F(ConntrackTest, NothingToForgetIsFine) {
  const absl::StatusOr<size_t> count = ForgetDnsFlows(kClient);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 0U);
  EXPECT_EQ(*ForgetDnsFlows({}), 0U);
}

TEST_F(ConntrackTest, ThatClientsDnsIsForgottenAndNothingElse) {
  Begin("udp", "10.137.0.25", "10.139.1.1", 53);
  Begin("tcp", "10.137.0.25", "10.139.1.2", 53);
  Begin("udp", "10.137.0.25", "8.8.8.8", 53);
  Begin("udp", "fd09::19", "fd09::53", 53);
  Begin("tcp", "fd09::19", "2620:fe::fe", 53);
  Begin("tcp", "10.137.0.25", "192.0.2.1", 443);
  Begin("udp", "10.137.0.26", "10.139.1.1", 53);
  Begin("udp", "10.139.1.1", "10.137.0.25", 53);
  Begin("udp", "fd09::1a", "fd09::53", 53);
  ASSERT_EQ(CountFlows(), 9U) << Flows();

  const absl::StatusOr<size_t> count = ForgetDnsFlows(kClient);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 5U);
  const std::string left = Flows();
  EXPECT_EQ(CountFlows(), 4U) << left;
  for (const char* kept :
       {"dst=192.0.2.1 ", "src=10.137.0.26 ", "src=10.139.1.1 dst=10.137.0.25 "}) {
    EXPECT_NE(left.find(kept), std::string::npos) << kept << left;
  }
  EXPECT_EQ(*ForgetDnsFlows(kClient), 0U);
}

TEST_F(ConntrackTest, AFlowIsToldAsTheForwardHookSawItsFirstPacket) {
  Begin("tcp", "10.137.0.25", "192.0.2.1", 443);
  Begin("udp", "fd09::19", "2620:fe::fe", 4000);
  Shell(
      "conntrack -I -p udp -s 10.137.0.25 -d 10.139.1.1 --sport 4000 --dport 53 "
      "-r 10.137.0.6 -q 10.137.0.25 --reply-port-src 4053 --reply-port-dst 4000 -t 60 "
      ">/dev/null 2>&1");
  Shell(
      "conntrack -I -p icmp -s 10.137.0.25 -d 192.0.2.2 --icmp-type 8 --icmp-code 0 "
      "--icmp-id 7 -t 60 >/dev/null 2>&1");
  std::vector<std::string> seen;
  const auto count = ForgetFlows([&](const Flow& flow) {
    seen.push_back(flow.source.Text() + " " + flow.asked.Text() + ":" +
                   std::to_string(flow.asked_port) + " " + flow.packet.destination.Text() + " " +
                   std::to_string(flow.packet.protocol) + " " + std::to_string(flow.packet.port) +
                   " " + std::to_string(flow.packet.icmp_type));
    return flow.packet.port == 443;
  });
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 1U);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"10.137.0.25 10.139.1.1:53 10.137.0.6 17 4053 0",
                                            "10.137.0.25 192.0.2.1:443 192.0.2.1 6 443 0",
                                            "10.137.0.25 192.0.2.2:0 192.0.2.2 1 0 8",
                                            "fd09::19 2620:fe::fe:4000 2620:fe::fe 17 4000 0"}));
  EXPECT_EQ(CountFlows(), 3U) << Flows();
}

TEST_F(ConntrackTest, WithoutTheCapabilityItSaysSo) {
  Begin("udp", "10.137.0.25", "10.139.1.1", 53);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool dropped = ::setresuid(65534, 65534, 65534) == 0;
    ::_exit(dropped && !ForgetDnsFlows(kClient).ok() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace dnspin
