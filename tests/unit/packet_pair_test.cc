#include "io/packet_pair.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace dnspin {
namespace {

using namespace std::string_literals;

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

class PacketPairTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = PacketPair();
    ASSERT_TRUE(pair.ok());
    near_ = std::move(pair->first);
    far_ = std::move(pair->second);
  }
  Packet Receive(size_t octets_max = 1024, size_t descriptors_max = 0) {
    auto packet = ReceivePacket(near_.get(), octets_max, descriptors_max);
    EXPECT_TRUE(packet.ok() && packet->has_value());
    return packet.ok() && *packet ? **std::move(packet) : Packet{};
  }

  Descriptor near_, far_;
};

TEST_F(PacketPairTest, MessagesKeepTheirBoundaries) {
  for (const std::string& message : {"one"s, "\0two\0"s, std::string(1024, 'x')}) {
    ASSERT_TRUE(SendPacket(far_.get(), message).ok());
  }
  EXPECT_EQ(Receive().bytes, "one");
  EXPECT_EQ(Receive().bytes, "\0two\0"s);
  const Packet longest = Receive();
  EXPECT_EQ(longest.bytes, std::string(1024, 'x'));
  EXPECT_FALSE(longest.truncated);
  const auto none = ReceivePacket(near_.get(), 1024);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
}

TEST_F(PacketPairTest, BothEndsCloseWhenAProgramIsStarted) {
  for (const int fd : {near_.get(), far_.get()}) {
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  }
}

TEST_F(PacketPairTest, WhatIsTooLongIsMarked) {
  ASSERT_TRUE(SendPacket(far_.get(), std::string(1025, 'x')).ok());
  ASSERT_TRUE(SendPacket(far_.get(), "next").ok());
  const Packet packet = Receive();
  EXPECT_TRUE(packet.truncated);
  EXPECT_EQ(packet.bytes.size(), 1024U);
  EXPECT_EQ(Receive().bytes, "next");  // the rest of the first is gone
}

TEST_F(PacketPairTest, TheEndOfThePeerIsAnError) {
  ASSERT_TRUE(SendPacket(far_.get(), "last words").ok());
  far_.reset();
  EXPECT_EQ(Receive().bytes, "last words");
  EXPECT_TRUE(absl::IsOutOfRange(ReceivePacket(near_.get(), 1024).status()));
  EXPECT_FALSE(SendPacket(near_.get(), "x").ok());  // and no signal
}

// An empty message reads like the end: who sends one is done with.
TEST_F(PacketPairTest, APeerThatGoesWithoutHavingReadIsAnEndToo) {
  ASSERT_TRUE(SendPacket(near_.get(), "unread").ok());
  far_.reset();
  EXPECT_EQ(ReceivePacket(near_.get(), 16).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(PacketPairTest, AnEmptyMessageIsAnEnd) {
  ASSERT_EQ(send(far_.get(), "", 0, MSG_NOSIGNAL), 0);
  EXPECT_TRUE(absl::IsOutOfRange(ReceivePacket(near_.get(), 1024).status()));
}

TEST_F(PacketPairTest, APeerThatDoesNotReadIsNotWaitedFor) {
  absl::Status status;
  int sent = 0;
  while (status.ok() && sent < 100000) {
    status = SendPacket(near_.get(), std::string(1024, 'x'));
    ++sent;
  }
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(PacketPairTest, DescriptorsComeAlong) {
  auto memory = SealedMemory("policy");
  ASSERT_TRUE(memory.ok());
  const int fds[] = {memory->get(), far_.get()};
  ASSERT_TRUE(SendPacket(far_.get(), "m", fds).ok());
  const Packet packet = Receive(1024, 2);
  EXPECT_EQ(packet.bytes, "m");
  EXPECT_FALSE(packet.truncated);
  ASSERT_EQ(packet.descriptors.size(), 2U);
  EXPECT_NE(packet.descriptors[0].get(), memory->get());
  EXPECT_NE(fcntl(packet.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(*ReadSealedMemory(packet.descriptors[0].get(), 100), "policy");
}

TEST_F(PacketPairTest, DescriptorsThatNobodyWantsAreMarkedAndClosed) {
  const size_t before = OpenDescriptors();
  const std::vector<int> sixteen(16, near_.get());
  for (const size_t count : {size_t{1}, size_t{16}}) {
    ASSERT_TRUE(SendPacket(far_.get(), "m", std::span(sixteen).first(count)).ok());
    EXPECT_TRUE(Receive(1024, count - 1).truncated);
  }
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_FALSE(SendPacket(far_.get(), "m", std::vector<int>(17, near_.get())).ok());
}

// A liar is not bound by SendPacket: as many descriptors as the kernel passes at once.
TEST_F(PacketPairTest, AFloodOfDescriptorsLeaksNone) {
  const size_t before = OpenDescriptors();
  constexpr size_t kMost = 253;
  std::vector<char> control(CMSG_SPACE(kMost * sizeof(int)));
  char octet = 'm';
  iovec part{&octet, 1};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(kMost * sizeof(int));
  for (size_t i = 0; i < kMost; ++i) {
    const int fd = near_.get();
    std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
  }
  ASSERT_EQ(sendmsg(far_.get(), &header, 0), 1);
  EXPECT_TRUE(Receive(1024, 16).truncated);
  EXPECT_EQ(OpenDescriptors(), before);
}

// A socket that lingers blocks whoever closes it last: a reader that its client has broken could
// stop dnspind with one.
TEST_F(PacketPairTest, WhereTheKernelCanDescriptorsAreRefused) {
  if (!RefuseDescriptors(near_.get())) {
    EXPECT_EQ(errno, ENOPROTOOPT) << "a kernel before 6.16 does not know it";
    return;
  }
  const int fds[] = {far_.get()};
  EXPECT_FALSE(SendPacket(far_.get(), "m", fds).ok());
  ASSERT_TRUE(SendPacket(far_.get(), "m").ok());
  EXPECT_EQ(Receive().bytes, "m");
  ASSERT_TRUE(SendPacket(near_.get(), "m", fds).ok());  // the other way is open
}

TEST(SealedMemoryTest, HoldsWhatWasWritten) {
  for (const std::string& contents : {""s, "policy"s, "\0\1\2"s, std::string(3 << 20, 'x')}) {
    const auto memory = SealedMemory(contents);
    ASSERT_TRUE(memory.ok());
    EXPECT_EQ(*ReadSealedMemory(memory->get(), contents.size()), contents);
    EXPECT_EQ(*ReadSealedMemory(memory->get(), contents.size()), contents);  // and again
  }
}

TEST(SealedMemoryTest, NobodyChangesIt) {
  const auto memory = SealedMemory("policy");
  ASSERT_TRUE(memory.ok());
  EXPECT_LT(pwrite(memory->get(), "x", 1, 0), 0);
  EXPECT_LT(ftruncate(memory->get(), 0), 0);
  EXPECT_LT(ftruncate(memory->get(), 100), 0);
  EXPECT_EQ(mmap(nullptr, 6, PROT_READ | PROT_WRITE, MAP_SHARED, memory->get(), 0), MAP_FAILED);
  EXPECT_LT(fcntl(memory->get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  EXPECT_EQ(*ReadSealedMemory(memory->get(), 100), "policy");
}

TEST(SealedMemoryTest, WhatIsNotSealedIsNotRead) {
  constexpr int kSeals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL};
  for (const int missing : kSeals) {
    const Descriptor memory(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(write(memory.get(), "policy", 6), 6);
    for (const int seal : kSeals) {
      ASSERT_EQ(seal == missing ? 0 : fcntl(memory.get(), F_ADD_SEALS, seal), 0);
    }
    EXPECT_FALSE(ReadSealedMemory(memory.get(), 100).ok()) << missing;
  }
  const Descriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(ReadSealedMemory(file.get(), 1 << 30).ok());
  EXPECT_FALSE(ReadSealedMemory(-1, 100).ok());
}

TEST(SealedMemoryTest, TooMuchIsNotRead) {
  const auto memory = SealedMemory("policy");
  EXPECT_TRUE(ReadSealedMemory(memory->get(), 6).ok());
  EXPECT_FALSE(ReadSealedMemory(memory->get(), 5).ok());
  // A hole costs its sender nothing; it must not cost us its size.
  const Descriptor hole(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(hole.get(), off_t{1} << 40), 0);
  ASSERT_EQ(
      fcntl(hole.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
  EXPECT_FALSE(ReadSealedMemory(hole.get(), 1 << 20).ok());
}

}  // namespace
}  // namespace dnspin
