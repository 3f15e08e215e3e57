#pragma once
// Knows: what happens at dnspind, asked for again and again. Touches: the control socket.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/control_client.h"

namespace dnspin {

struct WatchEvent {
  std::string client;
  std::string kind;  // pinned, answered, refused, blocked
  std::string name;
  std::string type;
  std::string addresses;
  std::string rule;
  int64_t at = 0;  // UNIX time
  Json json;       // as dnspind has said it
};

struct WatchPin {
  std::string client;
  std::string address;
  std::string name;
  std::string service;
  int64_t left_s = 0;
};

// What is shown now.
struct WatchState {
  std::string client;           // whose; empty: everybody's
  std::string questions = "0";  // a second
  std::string refused = "0";
  std::string upstream = "0";
  int64_t lost = 0;               // events that went by unseen
  std::deque<WatchEvent> events;  // oldest first
  std::vector<WatchPin> pins;     // those that end last are first
  std::string trouble;            // why it is not of now; empty: it is
};

class WatchFeed {
 public:
  WatchFeed(std::string run_dir, std::string client);

  // Asks what is new. Returns the new events, oldest first; the state then has them too.
  absl::StatusOr<std::vector<WatchEvent>> Poll(int64_t unix_now);
  absl::Status PollPins();

  const WatchState& state() const { return state_; }
  void SayTrouble(std::string trouble) { state_.trouble = std::move(trouble); }

 private:
  Json Request(const char* command) const;
  std::vector<WatchEvent> Take(const Json& reply, int64_t unix_now);

  std::string run_dir_;
  WatchState state_;
  Json after_;  // as dnspind gave it; null: nothing was asked yet
};

}  // namespace dnspin
