// The rules of the house, as a test; each is seen to fail on a small tree that breaks it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/house_rules.h"
#include "tests/temporary_folder.h"

namespace dnspin {
namespace {

namespace fs = std::filesystem;

TEST(Tidy, TheTreeKeepsTheRulesOfTheHouse) {
  const HouseReport report = InspectHouse(DNSPIN_SOURCE_DIR);
  EXPECT_GT(report.files_read, 40U);
  EXPECT_TRUE(report.findings.empty()) << fmt::format("{}", fmt::join(report.findings, "\n"));
}

struct Story {
  std::string name;
  std::string path;
  std::string text;
  std::string finding;  // empty: nothing is wrong
};

std::string Header(const std::string& line) { return "#pragma once\n// Knows: x.\n" + line + "\n"; }

const std::vector<Story> kStories = {
    {"a clean header", "io/a.h", Header("#include \"pinning/clock.h\""), ""},
    {"the domain includes nothing of ours", "pinning/a.cc", "#include \"io/reactor.h\"\n",
     "pinning/a.cc:1: pinning/ may not include io/reactor.h"},
    {"io includes the clock alone", "io/a.cc", "#include \"pinning/name.h\"\n",
     "io/a.cc:1: io/ may not include pinning/name.h"},
    {"config includes pinning", "config/a.cc", "#include \"pinning/name.h\"\n", ""},
    {"config does not include io", "config/a.cc", "#include \"io/reactor.h\"\n",
     "config/a.cc:1: config/ may not include io/reactor.h"},
    {"hostile bytes do not meet the firewall", "resolver/a.cc", "#include \"nft/ruleset.h\"\n",
     "resolver/a.cc:1: resolver/ may not include nft/ruleset.h"},
    {"the firewall does not meet hostile bytes", "nft/a.cc", "  #  include <resolver/wire.h>\n",
     "nft/a.cc:1: nft/ may not include resolver/wire.h"},
    {"only a main includes config", "nft/server.cc", "#include \"config/settings.h\"\n",
     "nft/server.cc:1: nft/ may not include config/settings.h"},
    {"a main includes config", "nft/main.cc", "#include \"config/settings.h\"\n", ""},
    {"not even a main includes the other process", "nft/main.cc", "#include \"resolver/wire.h\"\n",
     "nft/main.cc:1: nft/ may not include resolver/wire.h"},
    {"no product code includes tests", "io/a.cc", "#include \"tests/fake.h\"\n",
     "io/a.cc:1: io/ may not include tests/fake.h"},
    {"tests include what they need", "tests/unit/a_test.cc",
     "#include <ldns/ldns.h>\n#include \"nft/ruleset.h\"\n#include \"resolver/wire.h\"\n", ""},
    {"a header without its folder", "nft/a.cc", "#include \"ruleset.h\"\n",
     "nft/a.cc:1: ruleset.h lacks its folder"},
    {"the door of ldns", "resolver/wire.cc", "#include <ldns/ldns.h>\n", ""},
    {"another door of ldns", "resolver/a.cc", "#include <ldns/ldns.h>\n",
     "resolver/a.cc:1: ldns/ldns.h has another door"},
    {"another door of RE2", "config/a.cc", "#include <re2/re2.h>\n",
     "config/a.cc:1: re2/re2.h has another door"},
    {"another door of libpsl", "config/a.cc", "#include <libpsl.h>\n",
     "config/a.cc:1: libpsl.h has another door"},
    {"another door of libidn2", "config/a.cc", "#include <idn2.h>\n",
     "config/a.cc:1: idn2.h has another door"},
    {"another door of toml++", "config/a.cc", "#include <toml++/toml.h>\n",
     "config/a.cc:1: toml++/toml.h has another door"},
    {"another door of libnftables", "nft/a.cc", "#include <nftables/libnftables.h>\n",
     "nft/a.cc:1: nftables/libnftables.h has another door"},
    {"the door of libnftnl", "nft/nftnl.h", Header("#include <libnftnl/set.h>"), ""},
    {"another door of libnftnl", "nft/a.cc", "#include <libnftnl/set.h>\n",
     "nft/a.cc:1: libnftnl/set.h has another door"},
    {"netlink outside nft", "io/a.cc", "#include <libmnl/libmnl.h>\n",
     "io/a.cc:1: libmnl/libmnl.h has another door"},
    {"another door of conntrack", "nft/a.cc",
     "#include <libnetfilter_conntrack/libnetfilter_conntrack.h>\n", "has another door"},
    {"JSON where none is", "resolver/a.cc", "#include <nlohmann/json.hpp>\n",
     "resolver/a.cc:1: nlohmann/json.hpp has another door"},
    {"another door of inotify", "nft/daemon.cc", "#include <sys/inotify.h>\n",
     "nft/daemon.cc:1: sys/inotify.h has another door"},
    {"another door of ncurses", "cli/watch.cc", "#include <curses.h>\n",
     "cli/watch.cc:1: curses.h has another door"},
    {"ncurses by its other name", "cli/screen.cc", "#include <ncursesw/curses.h>\n",
     "cli/screen.cc:1: ncursesw/curses.h has another door"},
    {"OpenSSL", "resolver/wire.cc", "#include <openssl/ssl.h>\n",
     "resolver/wire.cc:1: openssl/ssl.h has another door"},
    {"the tool has no door of ldns", "cli/a.cc", "#include <ldns/ldns.h>\n",
     "cli/a.cc:1: ldns/ldns.h has another door"},
    {"100 columns, counted as people do", "io/a.cc", std::string(98, 'a') + "ää\n", ""},
    {"101 columns", "io/a.cc", std::string(101, 'a') + "\n", "io/a.cc:1: 101 columns"},
    {"400 lines", "io/a.cc", std::string(400, '\n'), ""},
    {"401 lines", "io/a.cc", std::string(401, '\n'), "io/a.cc:401: 401 lines"},
    {"a tab", "lab/a.py", "if x:\n\tpass\n", "lab/a.py:2: a tab"},
    {"work left to do", "io/a.cc",
     "\n// TO"
     "DO: later\n",
     "io/a.cc:2: work left to do"},
    {"work left to mend", "lab/a.py",
     "# FIX"
     "ME\n",
     "lab/a.py:1: work left to do"},
    {"a header without guard", "io/a.h", "\n// Knows: x.\n", "begins with #pragma once"},
    {"a header that knows nothing", "io/a.h", "#pragma once\n\n", "says what it knows"},
    {"a drawer of a file", "io/string_utils.cc", "", "io/string_utils.cc:0: a file named like"},
    {"a drawer of a script", "lab/common.py", "", "lab/common.py:0: a file named like"},
    {"a word that contains a drawer's", "io/database.cc", "class Database;\nclass Baseline;\n", ""},
    {"a drawer of a class", "io/a.cc",
     "class Connection"
     "Manager {\n",
     "type ConnectionManager is"},
    {"a drawer of an enum", "io/a.cc",
     "enum class Host"
     "Info {\n",
     "type HostInfo is"},
    {"another's struct", "io/a.cc", "struct nft_data;\nstruct addrinfo hints;\n", ""},
};

TEST(Tidy, EveryRuleOfTheHouseCanFail) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.name);
    const TemporaryFolder tree;
    tree.Write(story.path, story.text);
    const HouseReport report = InspectHouse(tree.path());
    EXPECT_EQ(report.files_read, 1U);
    EXPECT_EQ(report.findings.size(), story.finding.empty() ? 0U : 1U);
    for (const std::string& finding : report.findings) {
      EXPECT_NE(finding.find(story.finding), std::string::npos) << finding;
    }
  }
}

// --- the programs, as they were linked ---

std::vector<std::string> ReadElf(const std::string& program) {
  const std::string command = fmt::format("readelf -dlW '{}/{}'", DNSPIN_BUILD_DIR, program);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::vector<std::string> lines;
  std::array<char, 1024> line{};
  while (fgets(line.data(), line.size(), pipe.get()) != nullptr) lines.emplace_back(line.data());
  return lines;
}

bool HasLine(const std::vector<std::string>& lines, const std::string& one,
             const std::string& another) {
  for (const std::string& line : lines) {
    if (line.find(one) != std::string::npos && line.find(another) != std::string::npos) return true;
  }
  return false;
}

struct Link {
  std::string program;
  std::string library;
  bool linked;
};

TEST(Programs, WhoTouchesTheFirewallCannotReadDnsNorTheOtherWay) {
  const std::vector<Link> links = {
      {"dnspind", "[libnftables.so", true},
      {"dnspind", "[libldns.so", false},
      {"dnspind", "[libssl.so", false},
      {"dnspind", "[libcrypto.so", false},
      {"dnspin-resolver", "[libldns.so", true},
      {"dnspin-resolver", "[libnftables.so", false},
      {"dnspin-resolver", "[libnftnl.so", false},
      {"dnspin-resolver", "[libmnl.so", false},
      {"dnspin-resolver", "[libnetfilter_conntrack.so", false},
      {"dnspin", "[libldns.so", false},
      {"dnspin", "[libnftables.so", false},
      {"dnspin", "[libncursesw.so", true},
      {"dnspind", "[libncursesw.so", false},
      {"dnspin", "[libc.so", true},
  };
  for (const Link& link : links) {
    EXPECT_EQ(HasLine(ReadElf(link.program), "(NEEDED)", link.library), link.linked)
        << link.program << " " << link.library;
  }
}

TEST(Programs, AreHardened) {
  for (const std::string program : {"dnspind", "dnspin-resolver", "dnspin"}) {
    SCOPED_TRACE(program);
    const std::vector<std::string> lines = ReadElf(program);
    EXPECT_TRUE(HasLine(lines, "(FLAGS_1)", "NOW PIE"));
    EXPECT_TRUE(HasLine(lines, "GNU_RELRO", ""));
    EXPECT_TRUE(HasLine(lines, "GNU_STACK", " RW "));
    EXPECT_FALSE(HasLine(lines, "GNU_STACK", " RWE "));
  }
}

}  // namespace
}  // namespace dnspin
