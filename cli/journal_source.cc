#include "cli/journal_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "absl/time/clock.h"
#include "io/descriptor.h"

namespace dnspin {
namespace {

// False if there is nothing to read in time.
bool WaitFor(int fd, absl::Time deadline) {
  for (;;) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd readable{fd, POLLIN, 0};
    const int ready = left <= 0 ? 0 : poll(&readable, 1, static_cast<int>(left));
    if (ready >= 0 || errno != EINTR) {
      return ready != 0;
    }
  }
}

class LineReader {
 public:
  LineReader(const std::string& client, const ReadingLimits& limits)
      : client_(client), limits_(limits) {}

  absl::StatusOr<JournalReading> Read(int fd) {
    const absl::Time deadline = absl::Now() + limits_.time;
    std::array<char, 65536> part{};
    for (uint64_t octets = 0; !reading_.cut;) {
      if (octets >= limits_.octets || !WaitFor(fd, deadline)) {
        reading_.cut = true;
        break;
      }
      const ssize_t got = read(fd, part.data(), part.size());
      if (got < 0) {
        return absl::ErrnoToStatus(errno, "read");
      }
      if (got == 0) {
        EndLine();  // one that has no end
        break;
      }
      octets += static_cast<uint64_t>(got);
      Take({part.data(), static_cast<size_t>(got)});
    }
    return std::move(reading_);
  }

 private:
  void Take(std::string_view text) {
    while (!text.empty() && !reading_.cut) {
      const size_t end = text.find('\n');
      const std::string_view piece = text.substr(0, end);
      too_long_ = too_long_ || line_.size() + piece.size() > limits_.line_octets;
      if (!too_long_) {
        line_ += piece;
      }
      if (end == std::string_view::npos) {
        return;
      }
      EndLine();
      text.remove_prefix(end + 1);
    }
  }

  void EndLine() {
    if (!line_.empty() || too_long_) {
      ++reading_.lines;
    }
    if (!too_long_) {
      if (auto event = ReadJournalLine(line_, client_)) {
        reading_.cut = reading_.events.size() == limits_.events;
        if (!reading_.cut) {
          reading_.events.push_back(*std::move(event));
        }
      }
    }
    line_.clear();
    too_long_ = false;
  }

  const std::string client_;
  const ReadingLimits limits_;
  std::string line_;
  bool too_long_ = false;
  JournalReading reading_;
};

constexpr const char* kOutputFields =
    "--output-fields=MESSAGE,DNSPIN_EVENT,DNSPIN_CLIENT,DNSPIN_NAME,DNSPIN_ADDRESS,DNSPIN_TTL,"
    "DNSPIN_RULE";

// A program and what it prints.
struct Printer {
  pid_t pid = -1;
  Descriptor output;
};

absl::StatusOr<Printer> Start(std::vector<std::string> words) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) {
    return absl::ErrnoToStatus(errno, "pipe");
  }
  Printer printer{-1, Descriptor(ends[0])};
  const Descriptor theirs(ends[1]);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  const int error =
      posix_spawnp(&printer.pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::UnavailableError(fmt::format("{}: {} (lines from elsewhere: --journal FILE)",
                                              words[0], std::strerror(error)));
  }
  return printer;
}

int StatusOf(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

absl::StatusOr<JournalReading> ReadJournalFile(const std::string& path, const std::string& client,
                                               const ReadingLimits& limits) {
  Descriptor file;
  if (path != "-") {
    file = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file.valid()) {
      return absl::ErrnoToStatus(errno, path);
    }
  }
  return LineReader(client, limits).Read(path == "-" ? STDIN_FILENO : file.get());
}

// The kernel says that a line is of a process called dnspind; what a line says itself, anybody may.
absl::StatusOr<JournalReading> AskJournal(const std::string& client, absl::Time since,
                                          const ReadingLimits& limits) {
  auto journalctl = Start({"journalctl", "--no-pager", "--reverse", "--output=json", kOutputFields,
                           fmt::format("--since=@{}", absl::ToUnixSeconds(since)), "_COMM=dnspind",
                           "DNSPIN_CLIENT=" + client});
  if (!journalctl.ok()) {
    return journalctl.status();
  }
  auto reading = LineReader(client, limits).Read(journalctl->output.get());
  const bool whole = reading.ok() && !reading->cut;
  if (!whole) {
    kill(journalctl->pid, SIGKILL);
  }
  const int status = StatusOf(journalctl->pid);
  if (whole && status != 0) {
    return absl::UnavailableError("journalctl failed (lines from elsewhere: --journal FILE)");
  }
  return reading;
}

}  // namespace dnspin
