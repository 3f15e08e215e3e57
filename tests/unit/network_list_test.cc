#include "pinning/network_list.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace dnspin {
namespace {

std::vector<Prefix> Networks(const std::string& texts) {
  std::vector<Prefix> networks;
  std::istringstream words(texts);
  for (std::string word; words >> word;) {
    networks.push_back(*Prefix::Parse(word));
  }
  return networks;
}

std::string Text(const std::vector<AddressRange>& ranges) {
  std::string text;
  for (const AddressRange& range : ranges) {
    text += (text.empty() ? "" : " ") + range.first.Text() + "-" + range.last.Text();
  }
  return text;
}

TEST(NetworkList, IsMerged) {
  struct Row {
    const char* networks;
    const char* merged;
  };
  const std::vector<Row> rows = {
      {"", ""},
      {"192.0.2.1", "192.0.2.1-192.0.2.1"},
      {"192.0.2.0/24", "192.0.2.0-192.0.2.255"},
      {"192.0.2.0/24 192.0.2.0/24", "192.0.2.0-192.0.2.255"},
      {"192.0.2.0/24 192.0.2.7", "192.0.2.0-192.0.2.255"},
      {"192.0.2.7 192.0.2.0/24", "192.0.2.0-192.0.2.255"},
      {"192.0.2.0/25 192.0.2.128/25", "192.0.2.0-192.0.2.255"},
      {"192.0.2.128/25 192.0.2.0/25", "192.0.2.0-192.0.2.255"},
      {"192.0.2.0/25 192.0.2.129", "192.0.2.0-192.0.2.127 192.0.2.129-192.0.2.129"},
      {"192.0.2.255 192.0.3.0", "192.0.2.255-192.0.3.0"},
      {"192.0.2.0/24 192.0.4.0/24 192.0.3.0/24", "192.0.2.0-192.0.4.255"},
      {"192.0.0.0/16 192.0.2.0/24 192.0.255.255", "192.0.0.0-192.0.255.255"},
      {"0.0.0.0/0 192.0.2.1", "0.0.0.0-255.255.255.255"},
      {"255.255.255.255 0.0.0.0", "0.0.0.0-0.0.0.0 255.255.255.255-255.255.255.255"},
      {"2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"2001:db8::1 2001:db8::2", "2001:db8::1-2001:db8::2"},
      {"2001:db8::ffff 2001:db8::1:0", "2001:db8::ffff-2001:db8::1:0"},
      {"2001:db8::/33 2001:db8:8000::/33", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"2001:db8::1 2001:db8::3", "2001:db8::1-2001:db8::1 2001:db8::3-2001:db8::3"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::",
       "::-:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"::/0 2001:db8::1", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {":: 255.255.255.255", "255.255.255.255-255.255.255.255 ::-::"},  // the families never meet
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Text(Merged(Networks(row.networks))), row.merged) << row.networks;
  }
}

TEST(NetworkList, HoldsWhatItsNetworksHold) {
  const auto networks = Networks("192.0.2.0/25 192.0.2.128/26 198.51.100.7 2001:db8::/48 ::1");
  const NetworkList list{"fastly", Merged(networks)};
  for (const char* const text : {"192.0.1.255",
                                 "192.0.2.0",
                                 "192.0.2.127",
                                 "192.0.2.128",
                                 "192.0.2.191",
                                 "192.0.2.192",
                                 "198.51.100.6",
                                 "198.51.100.7",
                                 "198.51.100.8",
                                 "255.255.255.255",
                                 "0.0.0.0",
                                 "::",
                                 "::1",
                                 "::2",
                                 "2001:db7:ffff::",
                                 "2001:db8::",
                                 "2001:db8:0:ffff:ffff:ffff:ffff:ffff",
                                 "2001:db8:1::",
                                 "c000:200::",
                                 "ffff::"}) {
    const Address address = *Address::Parse(text);
    bool held = false;
    for (const Prefix& network : networks) {
      held = held || network.Contains(address);
    }
    EXPECT_EQ(list.Contains(address), held) << text;
  }
  EXPECT_FALSE(NetworkList{}.Contains(*Address::Parse("192.0.2.1")));
}

}  // namespace
}  // namespace dnspin
