#include "nft/pin_difference.h"

#include <gtest/gtest.h>

#include <string>

namespace dnspin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Address A(const std::string& text) { return *Address::Parse(text); }

KernelPin There(const char* address, milliseconds left, const char* comment = "a.test",
                const char* set = "pin-a-1") {
  return {A(address).family(), set, A(address), left, comment};
}
PinElement Wanted(const char* address, milliseconds life, const char* comment = "a.test") {
  return {"pin-a-1", A(address), life, comment, false};
}

PinDifference Differ(std::vector<PinElement> wanted, std::vector<KernelPin> there) {
  return DifferenceOf(Family::kIpv4, wanted, there, {"pin-a-1"});
}

TEST(PinDifference, WhatIsAsItShouldBeIsNotTouched) {
  const auto same =
      Differ({Wanted("192.0.2.1", seconds(60))}, {There("192.0.2.1", milliseconds(59'000))});
  EXPECT_TRUE(same.added.empty() && same.gone.empty() && same.eternal.empty());
}

TEST(PinDifference, WhatTheKernelTellsOfTwiceIsThereOnce) {
  const KernelPin wanted = There("192.0.2.1", seconds(60));
  const KernelPin other = There("192.0.2.9", seconds(60));
  const KernelPin eternal = There("192.0.2.8", seconds(0));
  const auto difference = Differ({Wanted("192.0.2.1", seconds(60))},
                                 {wanted, other, eternal, wanted, eternal, other, wanted});
  EXPECT_TRUE(difference.added.empty());
  EXPECT_EQ(difference.gone, (std::vector<GonePin>{{"pin-a-1", A("192.0.2.9")}}));
  EXPECT_EQ(difference.eternal, (std::vector<GonePin>{{"pin-a-1", A("192.0.2.8")}}));
}

TEST(PinDifference, WhatIsMissingOrOtherwiseIsPut) {
  const auto difference =
      Differ({Wanted("192.0.2.1", seconds(60)), Wanted("192.0.2.2", seconds(60)),
              Wanted("192.0.2.3", seconds(60)), Wanted("192.0.2.4", seconds(60), "b.test")},
             {There("192.0.2.2", seconds(50)), There("192.0.2.3", seconds(3600)),
              There("192.0.2.4", seconds(60))});
  EXPECT_TRUE(difference.gone.empty());
  ASSERT_EQ(difference.added.size(), 4U);
  for (const PinElement& pin : difference.added) {
    EXPECT_EQ(pin.replace, pin.address == A("192.0.2.4")) << pin.address.Text();
  }
}

TEST(PinDifference, WhatOthersPutThereGoes) {
  const auto difference =
      Differ({Wanted("192.0.2.1", seconds(60))},
             {There("192.0.2.1", seconds(0)), There("192.0.2.9", seconds(60)),
              There("192.0.2.8", seconds(0)), There("192.0.2.7", seconds(60), "x", "mine"),
              There("2001:db8::1", seconds(60))});
  EXPECT_EQ(difference.gone, (std::vector<GonePin>{{"pin-a-1", A("192.0.2.9")}}));
  EXPECT_EQ(difference.eternal,
            (std::vector<GonePin>{{"pin-a-1", A("192.0.2.1")}, {"pin-a-1", A("192.0.2.8")}}));
  ASSERT_EQ(difference.added.size(), 1U);  // with its timeout again
  EXPECT_EQ(difference.added.front().address, A("192.0.2.1"));

  std::string text;
  CommandText commands(text, Family::kIpv4, "dnspin");
  PutDifference(commands, difference, RefreshWay::kInPlace);
  EXPECT_EQ(text.find("delete element ip dnspin pin-a-1 { 192.0.2.1 }"), 0U);
  EXPECT_LT(text.find("192.0.2.9"), text.find("add element ip dnspin pin-a-1 { 192.0.2.1 "));
}

}  // namespace
}  // namespace dnspin
