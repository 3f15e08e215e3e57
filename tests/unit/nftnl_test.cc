#include "nft/nftnl.h"

#include <gtest/gtest.h>

namespace dnspin {
namespace {

std::string Text(const std::string& note) {
  return nftnl::TextOfNote(note.data(), static_cast<uint32_t>(note.size()), 0);
}

TEST(TextOfNote, FindsItsType) {
  using namespace std::string_literals;
  EXPECT_EQ(Text("\0\3ab\0"s), "ab");
  EXPECT_EQ(Text("\1\1x\0\2cd"s), "cd");
  EXPECT_EQ(Text("\1\1x"s), "");
  EXPECT_EQ(nftnl::TextOfNote(nullptr, 0, 0), "");
}

// The kernel keeps whatever octets somebody left there.
TEST(TextOfNote, BelievesNoLength) {
  using namespace std::string_literals;
  for (const std::string& note : {"\0"s, "\0\xff"s, "\0\xffz"s, "\1\xff\0\1z"s, "\0\2z"s, ""s}) {
    EXPECT_EQ(Text(note), "");
  }
}

}  // namespace
}  // namespace dnspin
