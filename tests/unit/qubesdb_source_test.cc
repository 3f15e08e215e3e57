#include "config/qubesdb_source.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <memory>

#include "tests/temporary_folder.h"
#include "tests/unit/qubesdb_server.h"

namespace dnspin {
namespace {

using qubesdb::Message;
using qubesdb::Type;
using std::chrono::milliseconds;

// What a server says, written as the protocol has it.
std::string Raw(const Message& message) {
  std::string octets(72, '\0');
  octets[0] = static_cast<char>(message.type);
  message.path.copy(octets.data() + 1, 63);
  const auto length = static_cast<uint32_t>(message.data.size());
  std::memcpy(octets.data() + 68, &length, sizeof(length));
  return octets + message.data;
}

// A server at a socket, which does nothing by itself.
class Served {
 public:
  explicit Served(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    listener_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
  }
  bool Accept() {
    peer_ = Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return peer_.valid();
  }
  // Hears all that was sent, and has the answers ready.
  void Hear() {
    char buffer[65536];
    for (ssize_t count; (count = ::recv(peer_.get(), buffer, sizeof(buffer), 0)) > 0;) {
      heard_.append(buffer, static_cast<size_t>(count));
    }
    while (heard_.size() >= 72) {
      uint32_t length = 0;
      std::memcpy(&length, heard_.data() + 68, sizeof(length));
      if (heard_.size() < 72 + length) {
        break;
      }
      server.Hear({{static_cast<Type>(heard_[0]), heard_.c_str() + 1, heard_.substr(72, length)}});
      heard_.erase(0, 72 + length);
    }
  }
  std::string Answers() {
    std::string octets;
    for (; !server.said.empty(); server.said.pop_front()) {
      octets += Raw(server.said.front());
    }
    return octets;
  }
  void Say(const std::string& octets) {
    EXPECT_EQ(::send(peer_.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
  }
  void Hang() { peer_.reset(); }

  qubesdb::Server server;

 private:
  Descriptor listener_;
  Descriptor peer_;
  std::string heard_;
};

bool IsReady(const QubesdbSource& source) {
  pollfd wait{source.fd(), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

class QubesdbSourceTest : public testing::Test {
 protected:
  QubesdbSourceTest() : source(*QubesdbSource::Create({Path("rw"), Path("ro")})) {
    source.Follow({{"10.0.0.1", {"vif1.0"}}});
  }

  std::string Path(const std::string& name) const { return folder.path() / name; }
  // The server takes the connection, and both talk until nobody has anything to say.
  bool Talk(Served& served) {
    const bool changed = source.Serve(now).changed;
    EXPECT_TRUE(served.Accept());
    return TalkOn(served) || changed;
  }
  bool TalkOn(Served& served) {
    bool changed = false;
    for (int i = 0; i < 20; ++i) {
      served.Hear();
      served.Say(served.Answers());
      const QubesdbSource::News news = source.Serve(now);
      EXPECT_EQ(news.trouble, "");
      changed = changed || news.changed;
    }
    return changed;
  }

  TemporaryFolder folder;
  BootTime now{std::chrono::hours(1)};
  QubesdbSource source;
};

TEST_F(QubesdbSourceTest, ReadsAndFollows) {
  Served served(Path("rw"));
  served.server.tree = {{"/qubes-firewall/10.0.0.1/policy", "drop"}};
  EXPECT_EQ(source.view(), nullptr);
  EXPECT_TRUE(Talk(served));
  ASSERT_NE(source.view(), nullptr);
  EXPECT_EQ(source.view()->targets.size(), 1U);
  EXPECT_FALSE(IsReady(source));
  EXPECT_FALSE(source.NextDeadline());
  served.server.Write("/connected-ips", "10.0.0.1");
  served.Say(served.Answers());
  EXPECT_TRUE(IsReady(source));
  EXPECT_TRUE(TalkOn(served));
  EXPECT_EQ(source.view()->values.at("/connected-ips"), "10.0.0.1");
}

// What stood there for the qube before is not the next one's, also while nobody answers.
TEST_F(QubesdbSourceTest, FollowsWhoIsThere) {
  Served served(Path("rw"));
  served.server.tree = {{"/qubes-firewall/10.0.0.1/policy", "drop"},
                        {"/qubes-firewall/10.0.0.2/policy", "drop"}};
  EXPECT_TRUE(Talk(served));
  EXPECT_EQ(source.view()->targets.size(), 1U);
  source.Follow({{"10.0.0.1", {"vif1.0", "vif2.0"}}, {"10.0.0.2", {"vif3.0"}}});
  EXPECT_EQ(source.view()->targets.size(), 1U) << "a second interface is the same qube's";
  EXPECT_TRUE(TalkOn(served));
  EXPECT_EQ(source.view()->targets.size(), 2U);
  source.Follow({{"10.0.0.1", {"vif9.0"}}, {"10.0.0.2", {"vif3.0"}}});
  EXPECT_FALSE(source.view()->targets.contains("10.0.0.1"));
  EXPECT_TRUE(TalkOn(served));
  EXPECT_TRUE(source.view()->targets.contains("10.0.0.1"));
  served.Hang();
  source.Serve(now);
  source.Follow({{"10.0.0.1", {"vif10.0"}}});
  EXPECT_TRUE(source.view()->targets.empty());
}

TEST_F(QubesdbSourceTest, AnEmptyDatabaseIsNewsToo) {
  Served served(Path("rw"));
  EXPECT_TRUE(Talk(served));
  ASSERT_NE(source.view(), nullptr);
  EXPECT_EQ(*source.view(), qubesdb::View());
}

TEST_F(QubesdbSourceTest, TheSocketForReadersDoesToo) {
  Served served(Path("ro"));
  EXPECT_TRUE(Talk(served));
}

TEST_F(QubesdbSourceTest, HalfMessagesAreWaitedFor) {
  Served served(Path("rw"));
  source.Serve(now);
  ASSERT_TRUE(served.Accept());
  for (int round = 0; round < 3; ++round) {
    served.Hear();
    for (const char octet : served.Answers()) {
      served.Say(std::string(1, octet));
      EXPECT_EQ(source.Serve(now).trouble, "");
    }
  }
  EXPECT_NE(source.view(), nullptr);
}

TEST_F(QubesdbSourceTest, WithoutAServerItIsTriedAgainAndSaidOnce) {
  EXPECT_NE(source.Serve(now).trouble, "");
  auto pause = std::chrono::nanoseconds(0);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(source.NextDeadline());
    EXPECT_GE(*source.NextDeadline() - now, pause) << "the pauses grow";
    pause = *source.NextDeadline() - now;
    EXPECT_LE(pause, std::chrono::seconds(2));
    now = *source.NextDeadline() - milliseconds(1);
    EXPECT_EQ(source.Serve(now).trouble, "");
    now += milliseconds(1);
    EXPECT_EQ(source.Serve(now).trouble, "");
  }
  Served served(Path("rw"));
  now = *source.NextDeadline();
  EXPECT_TRUE(Talk(served));
}

TEST_F(QubesdbSourceTest, AfterARestartAllIsReadAgain) {
  Served served(Path("rw"));
  served.server.tree = {{"/connected-ips", "10.0.0.1"}};
  EXPECT_TRUE(Talk(served));
  served.Hang();
  EXPECT_NE(source.Serve(now).trouble, "");
  EXPECT_EQ(source.view()->values.size(), 1U) << "what was in force stays";
  served.server = qubesdb::Server();
  served.server.tree = {{"/connected-ips", "10.0.0.1"}};
  now = *source.NextDeadline();
  EXPECT_FALSE(Talk(served)) << "it is the same";
  served.Hang();
  EXPECT_NE(source.Serve(now).trouble, "") << "said again, as it was well in between";
  served.server = qubesdb::Server();
  now = *source.NextDeadline();
  EXPECT_TRUE(Talk(served));
  EXPECT_TRUE(source.view()->values.empty());
}

TEST_F(QubesdbSourceTest, AServerThatTalksNonsenseIsLeft) {
  Served served(Path("rw"));
  source.Serve(now);
  ASSERT_TRUE(served.Accept());
  served.Say(Raw({Type::kError, "", ""}));
  EXPECT_NE(source.Serve(now).trouble, "");
  ASSERT_TRUE(source.NextDeadline());
  now = *source.NextDeadline();
  EXPECT_TRUE(Talk(served));
}

TEST_F(QubesdbSourceTest, PublishesWhatTheServerTakes) {
  Served served(Path("rw"));
  source.Write("/dns/10.0.0.1/a.test", "nobody is there");
  Talk(served);
  source.Write("/qubes-firewall-handled/10.0.0.1", "1");
  source.Write("/dns/10.0.0.1/" + std::string(64, 'x'), "too long a path");
  source.Write("/dns/10.0.0.1/a*", "no path");
  source.Write("/dns/10.0.0.1/", "a folder");
  source.Write("/dns/10.0.0.1/b.test", std::string(3072, 'x'));
  EXPECT_FALSE(source.Write("/qubes-firewall/10.0.0.1/0000", "dom0's"));
  EXPECT_FALSE(source.Remove("/connected-ips"));
  EXPECT_TRUE(IsReady(source));
  source.Serve(now);
  TalkOn(served);
  EXPECT_EQ(served.server.tree,
            (std::map<std::string, std::string>{{"/qubes-firewall-handled/10.0.0.1", "1"}}));
  EXPECT_FALSE(IsReady(source));
}

TEST_F(QubesdbSourceTest, TellsHowOftenATargetWasWritten) {
  Served served(Path("rw"));
  served.server.tree = {{"/qubes-firewall/10.0.0.1/policy", "drop"},
                        {"/qubes-firewall-handled/10.0.0.1", "41"},
                        {"/qubes-firewall-handled/10.0.0.2", "nine"}};
  Talk(served);
  EXPECT_EQ(source.Handled("10.0.0.1"), 41U);
  EXPECT_EQ(source.Handled("10.0.0.2"), 0U);
  EXPECT_EQ(source.Handled("10.0.0.3"), 0U);
  EXPECT_EQ(source.connection(), 1U);
  served.server.Write("/qubes-firewall/10.0.0.1", "");
  served.server.Write("/qubes-firewall/10.0.0.1", "");
  std::map<std::string, uint32_t> told;
  for (int i = 0; i < 5; ++i) {
    served.Hear();
    served.Say(served.Answers());
    for (const auto& [target, count] : source.Serve(now).told) {
      told[target] += count;
    }
  }
  EXPECT_EQ(told, (std::map<std::string, uint32_t>{{"10.0.0.1", 2}}));
}

TEST_F(QubesdbSourceTest, WhatAServerDoesNotReadIsNotPiledUp) {
  Served served(Path("rw"));
  Talk(served);
  for (int i = 0; i < 10'000; ++i) {
    source.Write("/qubes-firewall-handled/10.0.0.1", std::string(1000, 'x'));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(source.Serve(now).trouble, "");
    TalkOn(served);
  }
  EXPECT_FALSE(IsReady(source));
}

}  // namespace
}  // namespace dnspin
