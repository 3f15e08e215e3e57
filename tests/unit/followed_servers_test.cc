#include "nft/followed_servers.h"

#include <gtest/gtest.h>

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using Servers = std::vector<Endpoint>;

Servers S(std::initializer_list<const char*> texts) {
  Servers servers;
  for (const char* text : texts) {
    servers.push_back(*Endpoint::Parse(text));
  }
  return servers;
}

class FollowedServersTest : public ::testing::Test {
 protected:
  FollowedServersTest() {
    in_force.upstreams_followed = true;
    in_force.upstreams = S({"192.0.2.1"});
  }

  // What is told up to `time` from now on; it is in force then.
  FollowedServers::Reading Pass(milliseconds time) {
    FollowedServers::Reading last;
    const BootTime until = now + time;
    while (followed.NextDeadline() && *followed.NextDeadline() <= until) {
      now = std::max(now, *followed.NextDeadline());
      auto reading = followed.Expire(in_force, now);
      if (reading.servers) {
        in_force.upstreams = *reading.servers;
        last.servers = reading.servers;
      }
      last.warning += reading.warning;
    }
    now = until;
    return last;
  }
  void FileIs(absl::StatusOr<Servers> what) {
    file = std::move(what);
    followed.FileChanged(now);
  }

  BootTime now{std::chrono::seconds(1000)};
  Desired in_force;
  absl::StatusOr<Servers> file = S({"192.0.2.1"});
  int readings = 0;
  FollowedServers followed{[this] {
    ++readings;
    return file;
  }};
};

TEST_F(FollowedServersTest, AStormOfChangesIsReadOnceAfterAShortCalm) {
  for (int i = 0; i < 40; ++i) {
    FileIs(S({"192.0.2.2", "192.0.2.3"}));
    EXPECT_FALSE(Pass(milliseconds(1)).servers);
  }
  EXPECT_EQ(readings, 0);
  EXPECT_EQ(Pass(milliseconds(10)).servers, S({"192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(readings, 1);
  EXPECT_FALSE(followed.NextDeadline());
}

TEST_F(FollowedServersTest, AWriterWithoutRestDoesNotPutItOffForEver) {
  for (int i = 0; i < 100; ++i) {
    FileIs(S({"192.0.2.2"}));
    Pass(milliseconds(10));
  }
  EXPECT_EQ(in_force.upstreams, S({"192.0.2.2"}));
  EXPECT_LE(readings, 20);
}

TEST_F(FollowedServersTest, TheSameServersAreNoNews) {
  FileIs(S({"192.0.2.1"}));
  EXPECT_FALSE(Pass(milliseconds(3000)).servers);
  EXPECT_EQ(readings, 1);
}

TEST_F(FollowedServersTest, AHalfWrittenFileTakesNothingAway) {
  FileIs(Servers());
  const auto half = Pass(milliseconds(1900));
  EXPECT_FALSE(half.servers);
  EXPECT_EQ(half.warning, "resolv.conf names no server: the upstreams of before stay for now");
  FileIs(S({"192.0.2.2"}));
  EXPECT_EQ(Pass(milliseconds(100)).servers, S({"192.0.2.2"}));
  FileIs(absl::NotFoundError("cannot open: gone"));
  EXPECT_NE(Pass(milliseconds(1900)).warning, "") << "it was in use again in between";
  FileIs(S({"192.0.2.2"}));
  EXPECT_FALSE(Pass(milliseconds(5000)).servers);
}

TEST_F(FollowedServersTest, WhatIsGoneOrEmptyForTwoSecondsIsBelieved) {
  for (const absl::StatusOr<Servers>& nothing :
       {absl::StatusOr<Servers>(Servers()), absl::StatusOr<Servers>(absl::NotFoundError("gone"))}) {
    in_force.upstreams = S({"192.0.2.1"});
    FileIs(nothing);
    EXPECT_FALSE(Pass(milliseconds(1000)).servers);
    FileIs(nothing);  // a change that changes nothing does not begin anew
    EXPECT_FALSE(Pass(milliseconds(1000)).servers);
    EXPECT_EQ(Pass(milliseconds(100)).servers, Servers());
    EXPECT_FALSE(followed.NextDeadline()) << "it is looked at without end";
    FileIs(S({"192.0.2.1"}));
    EXPECT_EQ(Pass(milliseconds(100)).servers, S({"192.0.2.1"}));
  }
}

TEST_F(FollowedServersTest, WhatCannotBeReadTakesNothingAwayAndIsTriedAgain) {
  FileIs(absl::PermissionDeniedError("cannot open: no"));
  const auto first = Pass(milliseconds(100));
  EXPECT_EQ(first.warning, "resolv.conf cannot open: no: the upstreams of before stay for now");
  const auto later = Pass(milliseconds(60'000));
  EXPECT_FALSE(later.servers);
  EXPECT_EQ(later.warning, "") << "said twice";
  file = S({"192.0.2.9"});  // and nobody tells
  EXPECT_EQ(Pass(milliseconds(2000)).servers, S({"192.0.2.9"}));
}

TEST_F(FollowedServersTest, AReloadInTheMiddleOfAWriteKeepsThoseInForce) {
  Desired desired;
  desired.upstreams_followed = true;
  followed.Adopt(desired, in_force, now);
  EXPECT_EQ(desired.upstreams, in_force.upstreams);
  in_force = desired;
  file = S({"192.0.2.2"});
  EXPECT_EQ(Pass(milliseconds(0)).servers, S({"192.0.2.2"}));
}

TEST_F(FollowedServersTest, FixedServersAreNotFollowed) {
  Desired fixed;
  fixed.upstreams = S({"192.0.2.7"});
  followed.Adopt(fixed, in_force, now);
  EXPECT_EQ(fixed.upstreams, S({"192.0.2.7"}));
  in_force = fixed;
  FileIs(S({"192.0.2.2"}));
  EXPECT_FALSE(Pass(milliseconds(5000)).servers);
  EXPECT_EQ(readings, 0);
  Desired again;  // nothing of the fixed ones is left where the file is empty
  again.upstreams_followed = true;
  followed.Adopt(again, in_force, now);
  EXPECT_TRUE(again.upstreams.empty());
  in_force = again;
  file = Servers();
  EXPECT_EQ(Pass(milliseconds(5000)).warning, "resolv.conf names no server: there is no upstream");
}

}  // namespace
}  // namespace dnspin
