#include "cli/journal_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/temporary_folder.h"

namespace dnspin {
namespace {

namespace fs = std::filesystem;

class JournalSource : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    std::ofstream(path) << text;
    return path.string();
  }

  // What stands in for journalctl.
  absl::StatusOr<JournalReading> AskProgram(const std::string& script,
                                            const ReadingLimits& limits = {}) {
    fs::permissions(Write("journalctl", "#!/bin/sh\n" + script), fs::perms::owner_all);
    const char* const path = getenv("PATH");
    const std::string before = path == nullptr ? "/usr/bin:/bin" : path;
    setenv("PATH", (folder_.path().string() + ":" + before).c_str(), 1);
    auto reading = AskJournal("work", absl::FromUnixSeconds(1'795'400'000), limits);
    setenv("PATH", before.c_str(), 1);
    return reading;
  }

  TemporaryFolder folder_;
};

const std::string kLine = "refused work a.test: x\n";

TEST_F(JournalSource, AFileIsReadToItsEnd) {
  const auto reading =
      ReadJournalFile(Write("log", kLine + "\nnonsense\n\n" + "refused work b.test: y"), "work");
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->events.size(), 2U);
  EXPECT_EQ(reading->lines, 3U);
  EXPECT_FALSE(reading->cut);
}

TEST_F(JournalSource, LinesThatAreTooLongArePassedOver) {
  const std::string path =
      Write("log", kLine + "refused work " + std::string(300'000, 'x') + ": x\n" + kLine);
  const auto reading = ReadJournalFile(path, "work");
  ASSERT_TRUE(reading.ok());
  EXPECT_EQ(reading->events.size(), 2U);
  EXPECT_EQ(reading->lines, 3U);
}

TEST_F(JournalSource, MoreThanTheLimitsIsCutAndSaid) {
  const std::string path = Write("log", kLine + kLine + kLine);
  const auto exactly = ReadJournalFile(path, "work", {.events = 3});
  EXPECT_EQ(exactly->events.size(), 3U);
  EXPECT_FALSE(exactly->cut);
  const auto more = ReadJournalFile(path, "work", {.events = 2});
  EXPECT_EQ(more->events.size(), 2U);
  EXPECT_TRUE(more->cut);
  const auto octets = ReadJournalFile("/dev/zero", "work", {.octets = 1 << 20});
  EXPECT_TRUE(octets->cut);
}

TEST_F(JournalSource, WhatCannotBeReadIsAnError) {
  EXPECT_FALSE(ReadJournalFile("/nonexistent", "work").ok());
  EXPECT_FALSE(ReadJournalFile(folder_.path().string(), "work").ok());
}

TEST_F(JournalSource, JournalctlIsAskedForOneClientOfDnspind) {
  const auto reading = AskProgram(
      "for word; do printf 'refused work %s: x\\n' \"$word\"; done\nread line || exit 0; exit 1\n");
  ASSERT_TRUE(reading.ok()) << reading.status();
  std::string words;
  for (const JournalEvent& event : reading->events) {
    words += event.name + " ";
  }
  EXPECT_EQ(words,
            "--no-pager --reverse --output=json --output-fields=MESSAGE,DNSPIN_EVENT,"
            "DNSPIN_CLIENT,DNSPIN_NAME,DNSPIN_ADDRESS,DNSPIN_TTL,DNSPIN_RULE --since=@1795400000 "
            "_COMM=dnspind DNSPIN_CLIENT=work ");
}

TEST_F(JournalSource, JournalctlThatDoesNotEndIsEnded) {
  const auto endless =
      AskProgram("while :; do echo 'refused work a.test: x'; done\n", {.events = 100});
  ASSERT_TRUE(endless.ok());
  EXPECT_EQ(endless->events.size(), 100U);
  EXPECT_TRUE(endless->cut);
  const auto silent = AskProgram("exec sleep 60\n", {.time = absl::Milliseconds(200)});
  ASSERT_TRUE(silent.ok());
  EXPECT_TRUE(silent->cut);
}

TEST_F(JournalSource, JournalctlThatFailsIsAnError) { EXPECT_FALSE(AskProgram("exit 1\n").ok()); }

}  // namespace
}  // namespace dnspin
