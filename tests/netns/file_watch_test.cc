#include "nft/file_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temporary_folder.h"

namespace dnspin {
namespace {

namespace fs = std::filesystem;

// A folder with a/resolv.conf, and where that is after a link or two.
class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() {
    folder.Write("a/resolv.conf", "nameserver 192.0.2.1\n");
    folder.Write("b/resolv.conf", "nameserver 192.0.2.2\n");
  }

  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  // Ready, and it says so; then the file is read.
  static bool Told(FileWatch& watch) {
    pollfd wait{watch.fd(), POLLIN, 0};
    const bool told = ::poll(&wait, 1, 2000) == 1 && watch.Drain();
    watch.Arm();
    return told;
  }
  static bool Silent(FileWatch& watch) { return !watch.Drain(); }
  static FileWatch Watching(const fs::path& path) { return *FileWatch::Create({path}); }

  TemporaryFolder folder;
  const fs::path& root = folder.path();
};

TEST_F(FileWatchTest, EveryWayToWriteAFileIsSeen) {
  const fs::path file = root / "a/resolv.conf";
  FileWatch watch = Watching(file);
  EXPECT_TRUE(Silent(watch));
  for (int round = 0; round < 3; ++round) {
    Write(file, "nameserver 192.0.2.3\n");
    EXPECT_TRUE(Told(watch)) << "in place";
    Write(root / "a/new", "nameserver 192.0.2.4\n");
    EXPECT_TRUE(Silent(watch)) << "another file";
    fs::rename(root / "a/new", file);
    EXPECT_TRUE(Told(watch)) << "renamed over";
    fs::remove(file);
    EXPECT_TRUE(Told(watch)) << "removed";
    Write(file, "");
    EXPECT_TRUE(Told(watch)) << "there again";
    fs::permissions(file, fs::perms(0600));
    EXPECT_TRUE(Told(watch)) << "readable for others";
    while (watch.Drain()) {
    }
    std::ifstream(file).get();
    EXPECT_TRUE(Silent(watch)) << "read";
  }
}

TEST_F(FileWatchTest, EveryLinkOnTheWayIsFollowed) {
  fs::create_symlink("../b/../a", root / "b/there");               // relative, a folder
  fs::create_symlink(root / "b/there/resolv.conf", root / "one");  // absolute
  fs::create_symlink("one", root / "two");
  FileWatch watch = Watching(root / "two");
  Write(root / "a/resolv.conf", "1");
  EXPECT_TRUE(Told(watch)) << "the file itself";
  while (watch.Drain()) {
  }
  Write(root / "b/resolv.conf", "1");
  EXPECT_TRUE(Silent(watch)) << "not on the way";

  fs::create_symlink("../b", root / "b/new");
  EXPECT_TRUE(Silent(watch));
  fs::rename(root / "b/new", root / "b/there");
  EXPECT_TRUE(Told(watch)) << "the link in the middle";
  Write(root / "a/resolv.conf", "2");
  EXPECT_TRUE(Silent(watch)) << "not any more";
  Write(root / "b/resolv.conf", "2");
  EXPECT_TRUE(Told(watch)) << "where it leads now";
  while (watch.Drain()) {
  }
  fs::remove(root / "two");
  EXPECT_TRUE(Told(watch)) << "the first link";
  Write(root / "b/resolv.conf", "3");
  EXPECT_TRUE(Silent(watch));
  fs::create_symlink(root / "a/resolv.conf", root / "two");
  EXPECT_TRUE(Told(watch));
  Write(root / "a/resolv.conf", "3");
  EXPECT_TRUE(Told(watch));
}

TEST_F(FileWatchTest, WhatIsMissingIsWaitedForWhereItWillBe) {
  const fs::path file = root / "run/resolve/stub/resolv.conf";
  fs::create_symlink(file, root / "link");
  FileWatch watch = Watching(root / "link");
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"run", "run/resolve", "run/resolve/stub"}) {
      fs::create_directory(root / name);
      EXPECT_TRUE(Told(watch)) << name;
    }
    Write(file, "1");
    EXPECT_TRUE(Told(watch));
    while (watch.Drain()) {
    }
    fs::rename(root / "run", root / "gone");  // with all that is in it
    EXPECT_TRUE(Told(watch));
    fs::remove_all(root / "gone");
    EXPECT_TRUE(Silent(watch));
  }
}

TEST_F(FileWatchTest, LinksWithoutEndEnd) {
  fs::create_symlink("loop", root / "loop");
  fs::create_symlink("a/../x/../a/./resolv.conf", root / "odd");  // no x: the kernel ends there too
  for (const char* name : {"loop", "odd"}) {
    FileWatch watch = Watching(root / name);
    EXPECT_TRUE(Silent(watch));
    fs::remove(root / name);
    EXPECT_TRUE(Told(watch));
    Write(root / name, "1");
    EXPECT_TRUE(Told(watch));
  }
  std::string next = "a/resolv.conf";
  for (int i = 0; i < FileWatch::kLinksMax; ++i) {
    const std::string name = "l" + std::to_string(i);
    fs::create_symlink(next, root / name);
    next = name;
  }
  FileWatch watch = Watching(root / next);
  Write(root / "a/resolv.conf", "1");
  EXPECT_TRUE(Told(watch));
}

TEST_F(FileWatchTest, AFloodIsAChange) {
  FileWatch watch = Watching(root / "a/resolv.conf");
  // More than the kernel keeps (fs.inotify.max_queued_events); two names, or it would merge them.
  for (int i = 0; i < 20'000; ++i) {
    fs::rename(root / "a/resolv.conf", root / "a/x");
    fs::rename(root / "a/x", root / "a/resolv.conf");
  }
  EXPECT_TRUE(Told(watch));
  while (watch.Drain()) {
  }
  Write(root / "a/resolv.conf", "1");
  EXPECT_TRUE(Told(watch)) << "it goes on after that";
}

}  // namespace
}  // namespace dnspin
