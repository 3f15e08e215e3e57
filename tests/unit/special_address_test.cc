// Rebinding (peers.md 4, row 11): no name makes this machine, its clients or a private network
// reachable, however its address is dressed.
#include "pinning/special_address.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dnspin {
namespace {

Address A(const std::string& text) { return *Address::Parse(text); }

constexpr auto kOrdinary = AddressKind::kOrdinary;
constexpr auto kPrivate = AddressKind::kPrivate;
constexpr auto kNever = AddressKind::kNever;

struct KindStory {
  std::string address;
  AddressKind kind;
};

// The first and last of each range, and their neighbours.
const std::vector<KindStory> kIpv4Stories = {
    {"0.0.0.0", kNever},
    {"0.255.255.255", kNever},
    {"1.0.0.0", kOrdinary},
    {"9.255.255.255", kOrdinary},
    {"10.0.0.0", kPrivate},
    {"10.255.255.255", kPrivate},
    {"11.0.0.0", kOrdinary},
    {"100.63.255.255", kOrdinary},
    {"100.64.0.0", kPrivate},
    {"100.127.255.255", kPrivate},
    {"100.128.0.0", kOrdinary},
    {"126.255.255.255", kOrdinary},
    {"127.0.0.0", kNever},
    {"127.0.0.1", kNever},
    {"127.255.255.255", kNever},
    {"128.0.0.0", kOrdinary},
    {"169.253.255.255", kOrdinary},
    {"169.254.0.0", kNever},
    {"169.254.169.254", kNever},
    {"169.254.255.255", kNever},
    {"169.255.0.0", kOrdinary},
    {"172.15.255.255", kOrdinary},
    {"172.16.0.0", kPrivate},
    {"172.31.255.255", kPrivate},
    {"172.32.0.0", kOrdinary},
    {"192.167.255.255", kOrdinary},
    {"192.168.0.0", kPrivate},
    {"192.168.255.255", kPrivate},
    {"192.169.0.0", kOrdinary},
    {"223.255.255.255", kOrdinary},
    {"224.0.0.0", kNever},
    {"239.255.255.255", kNever},
    {"240.0.0.0", kNever},
    {"255.255.255.255", kNever},
    // Documentation and benchmarking: labs live there.
    {"192.0.2.1", kOrdinary},
    {"198.51.100.255", kOrdinary},
    {"203.0.113.0", kOrdinary},
    {"198.18.0.1", kOrdinary},
    {"198.19.255.255", kOrdinary},
};

const std::vector<KindStory> kIpv6Stories = {
    {"::", kNever},
    {"::1", kNever},
    {"2606:4700::1111", kOrdinary},
    {"2001:db8::1", kOrdinary},
    {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kOrdinary},
    {"fc00::", kPrivate},
    {"fd09:24ef:4179::a89:19", kPrivate},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPrivate},
    {"fe00::", kOrdinary},
    {"fe7f:ffff::", kOrdinary},
    {"fe80::1", kNever},
    {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kNever},
    {"fec0::", kNever},
    {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kNever},
    {"ff00::", kNever},
    {"ff02::1", kNever},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kNever},
    // No host puts these on the wire, whatever they hold.
    {"::ffff:8.8.8.8", kNever},
    {"::8.8.8.8", kNever},
    {"::ffff:10.0.0.1", kNever},
    {"::10.0.0.1", kNever},
    {"::ffff:127.0.0.1", kNever},
    // Neighbours of those prefixes that hold nothing.
    {"::1:0:0:0:0", kOrdinary},
    {"2001:1::a00:1", kOrdinary},
    {"2003:a00:1::", kOrdinary},
    {"64:ff9a::10.0.0.1", kOrdinary},
    {"64:ff9b:2::10.0.0.1", kOrdinary},
};

TEST(SpecialAddress, EveryRangeAndItsNeighbours) {
  for (const auto& stories : {kIpv4Stories, kIpv6Stories}) {
    for (const KindStory& story : stories) {
      EXPECT_EQ(KindOf(A(story.address)), story.kind) << story.address;
    }
  }
}

// Ways to write an IPv4 address into an IPv6 address that some gateway reads back.
struct Disguise {
  std::string what;
  std::string format;  // {0}..{3}: octets; {4}..{7}: their complements
  // The operator of 64:ff9b:1::/48 chooses where the address stands. It is sought in every place,
  // so an ordinary one may look forbidden in another, and one of 0/8 (which leads nowhere) be
  // missed.
  bool one_place = true;
};

const std::vector<Disguise> kDisguises = {
    {"NAT64", "64:ff9b::{0:02x}{1:02x}:{2:02x}{3:02x}"},
    {"NAT64, local, /96", "64:ff9b:1::{0:02x}{1:02x}:{2:02x}{3:02x}"},
    {"NAT64, local, /96 of the operator's", "64:ff9b:1:808:808:808:{0:02x}{1:02x}:{2:02x}{3:02x}"},
    {"NAT64, local, /64", "64:ff9b:1:808:{0:02x}:{1:02x}{2:02x}:{3:02x}00:0", false},
    {"NAT64, local, /64 with a tail", "64:ff9b:1:808:{0:02x}:{1:02x}{2:02x}:{3:02x}08:808", false},
    {"NAT64, local, /56", "64:ff9b:1:8{0:02x}:{1:02x}:{2:02x}{3:02x}:808:808", false},
    {"NAT64, local, /48", "64:ff9b:1:{0:02x}{1:02x}:{2:02x}:{3:02x}08:808:808", false},
    {"translated (SIIT)", "::ffff:0:{0:02x}{1:02x}:{2:02x}{3:02x}"},
    {"6to4", "2002:{0:02x}{1:02x}:{2:02x}{3:02x}::1"},
    {"a Teredo server", "2001:0:{0:02x}{1:02x}:{2:02x}{3:02x}:8000:63bf:f7f7:f7f7"},
    {"a Teredo client", "2001:0:808:808:8000:63bf:{4:02x}{5:02x}:{6:02x}{7:02x}"},
};

Address Disguised(const Disguise& disguise, const Address& address) {
  const auto b = address.bytes();
  return A(fmt::format(fmt::runtime(disguise.format), b[0], b[1], b[2], b[3], b[0] ^ 0xFF,
                       b[1] ^ 0xFF, b[2] ^ 0xFF, b[3] ^ 0xFF));
}

TEST(SpecialAddress, NoDisguiseHidesAnIpv4Address) {
  for (const Disguise& disguise : kDisguises) {
    for (const KindStory& story : kIpv4Stories) {
      const Address hidden = Disguised(disguise, A(story.address));
      SCOPED_TRACE(disguise.what + " of " + story.address + ": " + hidden.Text());
      if (disguise.one_place) {
        EXPECT_EQ(KindOf(hidden), story.kind == kOrdinary ? kOrdinary : kNever);
      } else if (story.kind != kOrdinary && !story.address.starts_with("0.")) {
        EXPECT_EQ(KindOf(hidden), kNever);
      }
    }
  }
}

// `rebind_ok` lifts a private address, not one in disguise: nobody asked for a detour.
TEST(SpecialAddress, APrivateAddressInDisguiseIsNotLifted) {
  for (const Disguise& disguise : kDisguises) {
    EXPECT_EQ(KindOf(Disguised(disguise, A("192.168.1.1"))), kNever) << disguise.what;
  }
}

TEST(SpecialAddress, OwnAddressesAreOwnInEveryDisguise) {
  std::vector<Address> own = {A("203.0.113.7"), A("2001:db8::7"), A("8.8.4.4"), A("10.137.0.25")};
  std::sort(own.begin(), own.end());
  EXPECT_TRUE(IsOwn(A("203.0.113.7"), own));
  EXPECT_TRUE(IsOwn(A("2001:db8::7"), own));
  EXPECT_FALSE(IsOwn(A("203.0.113.8"), own));
  EXPECT_FALSE(IsOwn(A("2001:db8::8"), own));
  EXPECT_TRUE(IsOwn(A("::ffff:203.0.113.7"), own));
  EXPECT_TRUE(IsOwn(A("::203.0.113.7"), own));
  for (const Disguise& disguise : kDisguises) {
    EXPECT_TRUE(IsOwn(Disguised(disguise, A("203.0.113.7")), own)) << disguise.what;
    EXPECT_FALSE(IsOwn(Disguised(disguise, A("203.0.113.8")), own)) << disguise.what;
  }
  EXPECT_FALSE(IsOwn(A("203.0.113.7"), {}));
}

}  // namespace
}  // namespace dnspin
