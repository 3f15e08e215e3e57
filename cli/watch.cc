// What happens, as it happens: on a screen of its own, or line by line.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "cli/commands.h"
#include "cli/screen.h"
#include "cli/watch_feed.h"
#include "cli/watch_lines.h"

namespace dnspin {
namespace {

constexpr int kEachMs = 1000;
constexpr size_t kEarlierLines = 10;  // of what was before, where lines are printed

volatile std::sig_atomic_t ended_by = 0;

extern "C" void EndBy(int signal) { ended_by = signal; }

// Signals end the view in order: the terminal is put right, then they do what they would have.
class EndSignals {
 public:
  EndSignals() {
    struct sigaction action {};
    action.sa_handler = EndBy;
    for (size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &action, &before_[i]);
    }
  }
  ~EndSignals() {
    for (size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &before_[i], nullptr);
    }
    if (ended_by != 0) {
      raise(ended_by);
    }
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// A view stays when dnspind goes: it may come again.
void PollForView(WatchFeed& feed) {
  const auto fresh = feed.Poll(std::time(nullptr));
  const absl::Status status = fresh.ok() ? feed.PollPins() : fresh.status();
  if (!status.ok()) {
    feed.SayTrouble(std::string(status.message()));
  }
}

void WatchOnScreen(Screen& screen, WatchFeed& feed) {
  while (ended_by == 0 && !screen.keyboard_gone()) {
    PollForView(feed);
    screen.Show(WatchScreen(feed.state(), screen.size()));
    const int key = screen.WaitForKey(kEachMs);
    if (key == 'q' || key == 'Q') {
      return;
    }
  }
}

std::string LineText(const WatchEvent& event, const Call& call) {
  if (call.json) {
    return event.json.dump(-1, ' ', /*ensure_ascii=*/true) + "\n";
  }
  std::string text;
  for (const Cell& cell : EventLine(event)) {
    text += Coloured(cell.text, cell.colour, call.colours);
  }
  return text + "\n";
}

Shown WatchAsLines(WatchFeed& feed, const Call& call) {
  for (bool first = true;; first = false) {
    const auto fresh = feed.Poll(std::time(nullptr));
    if (!fresh.ok()) {
      return fresh.status();
    }
    const size_t skipped =
        first && fresh->size() > kEarlierLines ? fresh->size() - kEarlierLines : 0;
    for (size_t i = skipped; i < fresh->size(); ++i) {
      std::fputs(LineText((*fresh)[i], call).c_str(), stdout);
    }
    if (std::fflush(stdout) != 0) {
      return std::string();
    }
    poll(nullptr, 0, kEachMs);
  }
}

}  // namespace

Shown RunWatch(const Call& call) {
  WatchFeed feed(call.run_dir, call.Argument(0));
  const bool on_screen = !call.json && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
  if (!on_screen) {
    return WatchAsLines(feed, call);
  }
  // Whether dnspind is there, and knows the client, is said before the screen is taken.
  if (const auto fresh = feed.Poll(std::time(nullptr)); !fresh.ok()) {
    return fresh.status();
  }
  const EndSignals signals;
  const std::unique_ptr<Screen> screen = Screen::Open();
  if (screen == nullptr) {
    return WatchAsLines(feed, call);
  }
  WatchOnScreen(*screen, feed);
  return std::string();
}

}  // namespace dnspin
