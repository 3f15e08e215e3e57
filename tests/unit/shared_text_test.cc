#include "pinning/shared_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace dnspin {
namespace {

TEST(SharedText, SaysWhatItWasMadeOf) {
  const std::string with_nul("a\0b", 3);
  const std::string longest(100'000, 'x');
  for (const std::string& text : {std::string(), std::string("a"), with_nul, longest}) {
    const SharedText shared(text);
    EXPECT_EQ(shared.view(), text);
    EXPECT_EQ(shared.size(), text.size());
    EXPECT_EQ(shared.empty(), text.empty());
    EXPECT_EQ(shared.c_str()[text.size()], '\0');
    EXPECT_EQ(shared, text);
  }
}

TEST(SharedText, OutlivesWhatItWasMadeOfAndItsOtherHolders) {
  SharedText kept;
  {
    const SharedText first(std::string("a text that no small string holds"));
    std::vector<SharedText> copies(10, first);
    EXPECT_EQ(copies.back().c_str(), first.c_str()) << "a copy copies no octet";
    kept = copies[3];
    copies[3] = "another";
    copies[4] = std::move(copies[5]);
    kept = *&kept;
  }
  EXPECT_EQ(kept, "a text that no small string holds");
  kept = SharedText();
  EXPECT_EQ(kept, "");
}

TEST(SharedText, ComparesByItsOctets) {
  const SharedText a("a");
  const SharedText also_a(std::string("a"));
  const SharedText b("\xff");
  EXPECT_EQ(a, also_a);
  EXPECT_NE(a, b);
  EXPECT_NE(a, SharedText());
  EXPECT_LT(SharedText(), a);
  EXPECT_LT(a, b) << "octets have no sign";
  EXPECT_LT(a, SharedText("aa"));
  const absl::flat_hash_set<SharedText> set = {a, also_a, b, SharedText(), SharedText("")};
  EXPECT_EQ(set.size(), 3U);
  EXPECT_TRUE(set.contains(SharedText("\xff")));
}

}  // namespace
}  // namespace dnspin
