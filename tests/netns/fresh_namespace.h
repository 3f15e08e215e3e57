#pragma once
// Knows: how a test gets a network of its own, with nothing in it but lo. Touches: this process's
// network namespace.

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <cstdio>
#include <string>

namespace dnspin {

// The standard output of a shell command, which must succeed.
inline std::string Shell(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr) << command;
  if (pipe == nullptr) {
    return output;
  }
  std::array<char, 4096> piece{};
  size_t count = 0;
  while ((count = ::fread(piece.data(), 1, piece.size(), pipe)) > 0) {
    output.append(piece.data(), count);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return output;
}

class FreshNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "these tests need root";
    Shell("ip link set lo up");
  }
};

}  // namespace dnspin
