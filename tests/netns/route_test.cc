#include "nft/route.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/netns/fresh_namespace.h"

namespace dnspin {
namespace {

Address A(const char* text) { return *Address::Parse(text); }

class RouteTest : public FreshNamespace {
 protected:
  void SetUp() override {
    FreshNamespace::SetUp();
    Shell(
        "ip link add vif7.0 type veth peer client && ip link set vif7.0 up && ip link set client "
        "up");
    Shell(
        "ip link add eth0 type veth peer outside && ip link set eth0 up && ip link set outside up");
  }

  // The interface's name, or "-" if there is no way.
  static std::string Towards(const char* address) {
    absl::StatusOr<Routes> routes = Routes::Create();
    EXPECT_TRUE(routes.ok()) << routes.status();
    const absl::StatusOr<std::optional<Interface>> way = routes->Towards(A(address));
    EXPECT_TRUE(way.ok()) << way.status();
    return way.ok() && way->has_value() ? (*way)->name : "-";
  }
};

TEST_F(RouteTest, AnAddressIsReachedByAnInterfaceOrNotAtAll) {
  EXPECT_EQ(Towards("192.0.2.1"), "-");
  EXPECT_EQ(Towards("2001:db8::1"), "-");
  EXPECT_EQ(Towards("127.0.0.1"), "lo");
  EXPECT_EQ(Towards("::1"), "lo");
  Shell("ip route add 10.137.0.25 dev vif7.0 && ip -6 route add fd09::19 dev vif7.0");
  Shell("ip address add 192.0.2.7/24 dev eth0 && ip route add default via 192.0.2.1");
  Shell("ip route add blackhole 198.51.100.0/24; ip route add unreachable 198.51.101.0/24");
  Shell("ip route add prohibit 198.51.102.0/24; ip -6 route add unreachable 2001:db8:1::/48");
  EXPECT_EQ(Towards("10.137.0.25"), "vif7.0");
  EXPECT_EQ(Towards("fd09::19"), "vif7.0");
  EXPECT_EQ(Towards("10.137.0.26"), "eth0");
  EXPECT_EQ(Towards("192.0.2.7"), "lo");
  for (const char* none : {"198.51.100.1", "198.51.101.1", "198.51.102.1", "2001:db8:1::1"}) {
    EXPECT_EQ(Towards(none), "-") << none;
  }
}

TEST_F(RouteTest, TheIndexIsTheInterfaces) {
  Shell("ip route add 10.137.0.25 dev vif7.0");
  absl::StatusOr<Routes> routes = Routes::Create();
  ASSERT_TRUE(routes.ok());
  const absl::StatusOr<std::optional<Interface>> way = routes->Towards(A("10.137.0.25"));
  ASSERT_TRUE(way.ok() && way->has_value());
  EXPECT_EQ(std::to_string((*way)->index) + "\n", Shell("ip -o link show vif7.0 | cut -d: -f1"));
}

TEST_F(RouteTest, HostRoutesSayWhoIsWhere) {
  absl::StatusOr<Routes> routes = Routes::Create();
  ASSERT_TRUE(routes.ok());
  EXPECT_EQ(routes->HostRoutes(Family::kIpv4).value(), std::vector<Vif>());
  Shell("ip address add 10.137.0.6/32 dev vif7.0 && ip address add fd09::6/128 dev vif7.0 nodad");
  Shell("ip address add 192.0.2.7/24 dev eth0 && ip route add 192.0.2.99 via 192.0.2.1");
  Shell("ip route add 10.137.0.25 dev vif7.0 metric 32745; ip route add 10.137.1.0/31 dev vif7.0");
  Shell("ip route add 10.137.0.26 dev vif7.0 table 77; ip route add blackhole 10.137.0.27");
  Shell("ip route add default via 192.0.2.1; ip -6 route add fd09::19 dev vif7.0");
  EXPECT_EQ(routes->HostRoutes(Family::kIpv4).value(),
            (std::vector<Vif>{{"vif7.0", {A("10.137.0.25")}}}));
  EXPECT_EQ(routes->HostRoutes(Family::kIpv6).value(),
            (std::vector<Vif>{{"vif7.0", {A("fd09::19")}}}));
}

TEST_F(RouteTest, AnInterfaceHasANumberWhileItIsThere) {
  absl::StatusOr<Routes> routes = Routes::Create();
  ASSERT_TRUE(routes.ok());
  EXPECT_EQ(routes->IndexOf("vif8.0").value(), std::nullopt);
  const auto index = routes->IndexOf("vif7.0").value();
  ASSERT_TRUE(index.has_value());
  Shell("ip route add 10.137.0.25 dev vif7.0");
  EXPECT_EQ(routes->Towards(A("10.137.0.25")).value()->index, *index);
  Shell("ip link del vif7.0");
  EXPECT_EQ(routes->IndexOf("vif7.0").value(), std::nullopt);
}

TEST_F(RouteTest, OwnAddressesAreAllOfThem) {
  Shell("ip address add 192.0.2.7/24 dev eth0 && ip address add 192.0.2.8/24 dev eth0");
  Shell("ip address add 10.137.0.1 peer 10.137.0.25 dev vif7.0");
  Shell("ip address add 2001:db8::7/64 dev eth0 nodad");
  absl::StatusOr<Routes> routes = Routes::Create();
  ASSERT_TRUE(routes.ok());
  const absl::StatusOr<std::vector<Address>> own = routes->OwnAddresses();
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_TRUE(std::is_sorted(own->begin(), own->end()));
  for (const char* address :
       {"127.0.0.1", "::1", "192.0.2.7", "192.0.2.8", "10.137.0.1", "2001:db8::7"}) {
    EXPECT_TRUE(std::binary_search(own->begin(), own->end(), A(address))) << address;
  }
  EXPECT_FALSE(std::binary_search(own->begin(), own->end(), A("10.137.0.25")));  // the peer's
}

TEST_F(RouteTest, TheWatchTellsOfEveryChangeOnce) {
  absl::StatusOr<RouteWatch> watch = RouteWatch::Create();
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_FALSE(*watch->Drain());
  for (const char* change :
       {"ip address add 192.0.2.7/24 dev eth0", "ip route add 10.137.0.25 dev vif7.0",
        "ip -6 route add fd09::19 dev vif7.0", "ip -6 address add fd09::7/64 dev eth0 nodad",
        "ip rule add to 192.0.2.53 table 7", "ip -6 rule del table main",
        "ip route del 10.137.0.25", "ip link set vif7.0 down", "ip link del vif7.0"}) {
    Shell(change);
    pollfd wait{watch->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 1000), 1) << change;
    EXPECT_TRUE(*watch->Drain()) << change;
  }
}

TEST_F(RouteTest, AFloodOfChangesIsOneChange) {
  absl::StatusOr<RouteWatch> watch = RouteWatch::Create();
  ASSERT_TRUE(watch.ok()) << watch.status();
  Shell(
      "for i in $(seq 1 20000); do echo route add 10.$((i / 65536)).$((i / 256 % 256))"
      ".$((i % 256)) dev eth0; done | ip -batch -");
  int drains = 0;
  while (*watch->Drain() && drains < 1000) {
    ++drains;
  }
  EXPECT_GE(drains, 1);
  EXPECT_LT(drains, 1000);
}

TEST_F(RouteTest, NoCapabilityIsNeeded) {
  Shell("ip route add 10.137.0.25 dev vif7.0");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool dropped = ::setresuid(65534, 65534, 65534) == 0;
    absl::StatusOr<Routes> routes = Routes::Create();
    const bool works = routes.ok() && RouteWatch::Create().ok() && routes->OwnAddresses().ok() &&
                       routes->Towards(A("10.137.0.25")).value().has_value();
    ::_exit(dropped && works ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace dnspin
