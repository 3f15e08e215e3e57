#include "nft/set_writer.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "nft/nftables.h"
#include "nft/set_reader.h"
#include "tests/netns/fresh_namespace.h"
#include "tests/netns/refresh_ways.h"

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kSets = R"(
add table ip dnspin
add table ip6 dnspin
add set ip dnspin pin-a-1 { type ipv4_addr; flags timeout; size 128; }
add set ip dnspin pin-b-1 { type ipv4_addr; flags timeout; size 128; }
add set ip dnspin pin-small-1 { type ipv4_addr; flags timeout; size 1; }
add set ip6 dnspin pin-a-1 { type ipv6_addr; flags timeout; size 128; }
)";

Address A(const char* text) { return *Address::Parse(text); }

PinElement Element(const char* set, const char* address, seconds life, const char* comment,
                   bool replace = false) {
  return {set, A(address), life, comment, replace};
}

class SetWriterTest : public FreshNamespace {
 protected:
  void SetUp() override {
    FreshNamespace::SetUp();
    absl::StatusOr<Nftables> nftables = Nftables::Create();
    ASSERT_TRUE(nftables.ok()) << nftables.status();
    const absl::Status made = nftables->Run(kSets);
    ASSERT_TRUE(made.ok()) << made;
  }

  static std::unique_ptr<SetWriter> Writer(std::optional<RefreshWay> way = std::nullopt) {
    absl::StatusOr<std::unique_ptr<SetWriter>> writer = SetWriter::Create("dnspin", way);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }

  static std::vector<KernelPin> Pins() {
    absl::StatusOr<std::vector<KernelPin>> pins = ReadKernelPins("dnspin");
    EXPECT_TRUE(pins.ok()) << pins.status();
    return *std::move(pins);
  }

  static KernelPin OnlyPin() {
    const std::vector<KernelPin> pins = Pins();
    EXPECT_EQ(pins.size(), 1U);
    return pins.empty() ? KernelPin{} : pins.front();
  }
};

class BothWays : public SetWriterTest, public ::testing::WithParamInterface<RefreshWay> {};
INSTANTIATE_TEST_SUITE_P(Way, BothWays, ::testing::ValuesIn(WaysOfThisKernel()));

TEST_F(SetWriterTest, TheProbeTellsWhatThisKernelCanDo) {
  EXPECT_EQ(Writer()->refresh_way(),
            KernelRefreshesInPlace() ? RefreshWay::kInPlace : RefreshWay::kAddDeleteAdd);
  EXPECT_EQ(Shell("nft list tables"), "table ip dnspin\ntable ip6 dnspin\n");
}

TEST_F(SetWriterTest, TheProbeClearsWhatACrashLeft) {
  Shell("nft 'add table ip dnspin-probe; add set ip dnspin-probe probe { type inet_service; }'");
  EXPECT_EQ(Writer()->refresh_way(), Writer()->refresh_way());
  EXPECT_EQ(Shell("nft list tables"), "table ip dnspin\ntable ip6 dnspin\n");
}

TEST_P(BothWays, AnElementIsThereAndReadsAsNftWritesIt) {
  const std::vector<PinElement> elements = {
      Element("pin-a-1", "192.0.2.1", seconds(100), ".github.com < api.github.com"),
      Element("pin-b-1", "192.0.2.1", seconds(200), "~(a|b)*\\.x"),
      Element("pin-a-1", "2001:db8::1", seconds(300), "")};
  const CommitResult result = Writer(GetParam())->Commit(elements);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(result.refused.empty());

  const std::vector<KernelPin> pins = Pins();
  ASSERT_EQ(pins.size(), elements.size());
  for (size_t i = 0; i < pins.size(); ++i) {
    EXPECT_EQ(pins[i].set, elements[i].set);
    EXPECT_EQ(pins[i].family, elements[i].address.family());
    EXPECT_EQ(pins[i].address, elements[i].address);
    EXPECT_EQ(pins[i].comment, elements[i].comment);
    EXPECT_GT(pins[i].left, elements[i].life - seconds(5));
    EXPECT_LE(pins[i].left, elements[i].life);
  }
  const std::string listing = Shell("nft list set ip dnspin pin-a-1");
  EXPECT_NE(listing.find("192.0.2.1 timeout 1m40s expires 1m"), std::string::npos) << listing;
  EXPECT_NE(listing.find("comment \".github.com < api.github.com\""), std::string::npos) << listing;
}

TEST_P(BothWays, ACommentOf128OctetsFits) {
  const std::string comment(kCommentOctetsMax, 'c');
  const std::vector<PinElement> elements = {{"pin-a-1", A("192.0.2.1"), seconds(9), comment}};
  const CommitResult result = Writer(GetParam())->Commit(elements);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(OnlyPin().comment, comment);
}

TEST_P(BothWays, ARefreshMakesItLiveLonger) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  for (const seconds life : {seconds(10), seconds(60), seconds(60)}) {
    const std::vector<PinElement> elements = {Element("pin-a-1", "192.0.2.1", life, "x")};
    ASSERT_TRUE(writer->Commit(elements).status.ok());
    std::this_thread::sleep_for(milliseconds(100));
    const KernelPin pin = OnlyPin();
    EXPECT_GT(pin.left, life - seconds(5));
    EXPECT_LE(pin.left, life - milliseconds(90));
    EXPECT_EQ(pin.comment, "x");
  }
}

TEST_P(BothWays, ARefreshOfTheSameLifeStartsItAnew) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  const std::vector<PinElement> elements = {Element("pin-a-1", "192.0.2.1", seconds(3), "x")};
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(writer->Commit(elements).status.ok());
    std::this_thread::sleep_for(milliseconds(1000));
  }
  EXPECT_GT(OnlyPin().left, milliseconds(1500));  // without a refresh it had gone a second ago
}

TEST_P(BothWays, ReplaceChangesTheComment) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  const std::vector<PinElement> before = {Element("pin-a-1", "192.0.2.1", seconds(50), "before")};
  const std::vector<PinElement> after = {
      Element("pin-a-1", "192.0.2.1", seconds(70), "after", true)};
  ASSERT_TRUE(writer->Commit(before).status.ok());
  ASSERT_TRUE(writer->Commit(after).status.ok());
  EXPECT_EQ(OnlyPin().comment, "after");
  EXPECT_GT(OnlyPin().left, seconds(60));
}

TEST_P(BothWays, WhatHasExpiredIsAddedAnew) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  for (const int wait_ms : {1020, 1300, 0}) {  // before and after the kernel has swept it away
    const std::vector<PinElement> elements = {
        Element("pin-a-1", "192.0.2.1", seconds(1), "x", wait_ms == 1300)};
    const CommitResult result = writer->Commit(elements);
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_GT(OnlyPin().left, milliseconds(500));
    std::this_thread::sleep_for(milliseconds(wait_ms));
  }
}

TEST_P(BothWays, AFullCommitOfRefreshesIsOneBatch) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  std::vector<PinElement> elements;
  for (size_t i = 0; i < kElementsPerCommit; ++i) {
    const std::string address = "198.51.100." + std::to_string(i);
    elements.push_back({"pin-a-1", A(address.c_str()), seconds(20),
                        std::string(kCommentOctetsMax, 'c'), i % 2 == 0});
  }
  for (int i = 0; i < 2; ++i) {
    const CommitResult result = writer->Commit(elements);
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(Pins().size(), kElementsPerCommit);
  }
}

TEST_P(BothWays, AFullSetInTheMiddleVoidsAllAndIsNamed) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  const std::vector<PinElement> first = {Element("pin-small-1", "192.0.2.9", seconds(60), "")};
  ASSERT_TRUE(writer->Commit(first).status.ok());

  const std::vector<PinElement> batch = {Element("pin-a-1", "192.0.2.1", seconds(60), ""),
                                         Element("pin-small-1", "192.0.2.2", seconds(60), ""),
                                         Element("pin-b-1", "192.0.2.3", seconds(60), ""),
                                         Element("pin-a-1", "2001:db8::4", seconds(60), "")};
  const CommitResult result = writer->Commit(batch);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kResourceExhausted) << result.status;
  EXPECT_EQ(result.refused, std::vector<size_t>{1});
  EXPECT_NE(std::string(result.status.message()).find("192.0.2.2 in set pin-small-1"),
            std::string::npos);
  EXPECT_EQ(OnlyPin().address, A("192.0.2.9"));

  // The refused one left out, the others go.
  const std::vector<PinElement> others = {batch[0], batch[2], batch[3]};
  ASSERT_TRUE(writer->Commit(others).status.ok());
  EXPECT_EQ(Pins().size(), 4U);
  // What is in a full set already can still be refreshed there.
  EXPECT_TRUE(writer->Commit(first).status.ok());
}

TEST_P(BothWays, AMissingSetVoidsAllAndIsNamed) {
  const std::unique_ptr<SetWriter> writer = Writer(GetParam());
  const std::vector<PinElement> batch = {Element("pin-gone-1", "192.0.2.1", seconds(60), ""),
                                         Element("pin-a-1", "192.0.2.2", seconds(60), ""),
                                         Element("pin-gone-2", "192.0.2.3", seconds(60), "")};
  const CommitResult result = writer->Commit(batch);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kNotFound) << result.status;
  EXPECT_EQ(result.refused, (std::vector<size_t>{0, 2}));
  EXPECT_TRUE(Pins().empty());
  EXPECT_TRUE(writer->Commit({&batch[1], 1}).status.ok());  // and the next batch is not confused
  EXPECT_EQ(Pins().size(), 1U);
}

TEST_F(SetWriterTest, NothingToCommitIsDone) { EXPECT_TRUE(Writer()->Commit({}).status.ok()); }

TEST_F(SetWriterTest, FlushedTablesAreNotTakenForSuccess) {
  const std::unique_ptr<SetWriter> writer = Writer();
  Shell("nft flush ruleset");
  const std::vector<PinElement> batch = {Element("pin-a-1", "192.0.2.1", seconds(60), "")};
  EXPECT_EQ(writer->Commit(batch).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(SetWriterTest, WithoutTheCapabilityTheKernelsNoIsHeard) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::unique_ptr<SetWriter> writer = Writer(RefreshWay::kInPlace);
    const std::vector<PinElement> batch = {Element("pin-a-1", "192.0.2.1", seconds(60), "")};
    const bool before = writer->Commit(batch).status.ok();
    const bool dropped = ::setresuid(65534, 65534, 65534) == 0;
    const bool refused = writer->Commit(batch).status.code() == absl::StatusCode::kPermissionDenied;
    const bool probe_refused = !SetWriter::Create("dnspin").ok();
    ::_exit(before && dropped && refused && probe_refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SetWriterTest, ALifeBelowASecondIsOurBug) {
  const std::vector<PinElement> batch = {{"pin-a-1", A("192.0.2.1"), milliseconds(999), ""}};
  EXPECT_DEATH((void)Writer(RefreshWay::kInPlace)->Commit(batch), "check failed");
}

TEST_F(SetWriterTest, ASilentKernelIsNotWaitedForForever) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  ASSERT_TRUE(socket.ok());
  std::vector<char> buffer(NetlinkSocket::kDatagramOctets);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(socket->Receive(buffer, start + milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(50));
}

}  // namespace
}  // namespace dnspin
