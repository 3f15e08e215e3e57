// Whose what an earlier dnspind has left in the kernel is.
#include "nft/adoption.h"

#include <gtest/gtest.h>

namespace dnspin {
namespace {

using Names = std::vector<std::string>;

const Address kV4 = *Address::Parse("10.137.0.25");
const Address kV6 = *Address::Parse("fd09::19");

bool IsOf(const std::map<std::string, std::string>& v4,
          const std::map<std::string, std::string>& v6, const Names& interfaces) {
  KernelView view;
  view.filter[0].digests = v4;
  view.filter[1].digests = v6;
  return Inheritance(view, {}).IsOf({"work", {kV4, kV6}, {}, interfaces});
}

TEST(Inheritance, IsTheSameQubesByItsInterfacesOnly) {
  const std::string chain = ChainName(kV4);
  const std::string chain6 = ChainName(kV6);
  const Names here = {"vif4.0"};
  EXPECT_TRUE(IsOf({}, {}, {})) << "no qube: a client is who has its addresses";
  EXPECT_TRUE(IsOf({{chain, "1234"}}, {}, {}));
  EXPECT_TRUE(IsOf({{chain, "1234 vif4.0"}}, {}, here)) << "its other address is new";
  EXPECT_TRUE(IsOf({{chain, "1234 vif4.0 vif5.0"}}, {{chain6, "1234 vif4.0"}}, here));
  EXPECT_FALSE(IsOf({}, {}, here)) << "nothing says so";
  EXPECT_FALSE(IsOf({{chain, "1234"}}, {}, here)) << "rules of a file, or somebody's own chain";
  EXPECT_FALSE(IsOf({{chain, "1234 vif5.0"}}, {}, here));
  EXPECT_FALSE(IsOf({{chain, "1234 vif4.0"}}, {{chain6, "1234 vif5.0"}}, here));
}

}  // namespace
}  // namespace dnspin
