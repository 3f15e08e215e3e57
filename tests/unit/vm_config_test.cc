#include "config/vm_config.h"

#include <gtest/gtest.h>

#include "tests/unit/diagnostic_text.h"

namespace dnspin {
namespace {

using qubesdb::View;

TEST(VmConfig, SemicolonsBeginLines) {
  EXPECT_EQ(UnfoldLines(""), "");
  EXPECT_EQ(UnfoldLines("address 10.137.0.25;accept a.test"), "address 10.137.0.25\naccept a.test");
  EXPECT_EQ(UnfoldLines(R"(a\;b;c\d\\;e\)"), "a;b\nc\\d\\;e\\");
}

class VmConfigTest : public testing::Test {
 protected:
  std::vector<ClientConfig> Read(const std::map<std::string, std::string>& files) {
    return ReadVmConfigClients(View{{}, files, {}}, profiles_, said_);
  }
  Profiles profiles_;
  std::vector<Diagnostic> said_;
};

TEST_F(VmConfigTest, IsAClientFile) {
  std::vector<Diagnostic> none;
  profiles_.Add("shop", "profiles.d/shop",
                ReadClientFile(FileKind::kProfile, "profiles.d/shop", "profiles.d/shop",
                               ".shop.test\n", none));
  const auto clients =
      Read({{"work", "address 10.137.0.25;accept *.a.test tcp 443;use shop;# said;drop b.test"}});
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_EQ(clients[0].name, "work");
  EXPECT_EQ(clients[0].fault, "");
  ASSERT_EQ(clients[0].rules.size(), 3U);
  EXPECT_EQ(clients[0].rules[0].Text(),
            "action=accept dsthost=*.a.test proto=tcp dstports=443-443");
  EXPECT_EQ(clients[0].rules[1].Text(), "action=accept dsthost=.shop.test");
  EXPECT_EQ(clients[0].rules[2].origin.Text(), "/vm-config/dnspin.work:5");
  EXPECT_EQ(Said(said_), "");
}

TEST_F(VmConfigTest, AnErrorBlocksWhomTheFileNames) {
  const auto clients =
      Read({{"good", "address 10.137.0.26;a.test"}, {"work", "address 10.137.0.25;accpet a.test"}});
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].fault, "");
  EXPECT_TRUE(clients[1].rules.empty());
  EXPECT_EQ(clients[1].addresses.size(), 1U);
  EXPECT_NE(clients[1].fault.find("/vm-config/dnspin.work:2:1: error:"), std::string::npos)
      << clients[1].fault;
}

TEST_F(VmConfigTest, NamesThatNoFileHasAreSaid) {
  EXPECT_TRUE(Read({{".x", "address 10.137.0.25"}}).empty());
  EXPECT_TRUE(HasErrors(said_));
}

TEST(VmConfigRebind, BadPatternsAreLeftOut) {
  std::vector<Diagnostic> said;
  View view;
  EXPECT_TRUE(ReadVmConfigRebindOk(view, said).empty());
  view.values[std::string(qubesdb::kRebindOk)] = "nas.lan *.com .corp.example";
  const auto patterns = ReadVmConfigRebindOk(view, said);
  ASSERT_EQ(patterns.size(), 2U);
  EXPECT_EQ(patterns[1].Text(), ".corp.example");
  EXPECT_EQ(said.size(), 1U) << Said(said);
}

}  // namespace
}  // namespace dnspin
