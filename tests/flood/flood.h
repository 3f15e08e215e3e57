#pragma once
// Knows: what all clients of this program share: time, questions, when to stop. Touches nothing.

#include <netinet/in.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>

namespace dnspin::flood {

using Clock = std::chrono::steady_clock;

extern volatile sig_atomic_t stop;

struct Terms {
  sockaddr_in server{};
  std::string zone;        // what is asked for is below it
  double rate = 0;         // questions a second
  size_t count = 0;        // of questions, or of connections
  size_t name_octets = 0;  // of what is before the zone; 0: a number alone
};

// A question for the A record of `number`'s name.
std::string Question(uint16_t id, uint64_t number, const Terms& terms);

// Each runs until `stop` or, the first, until all is asked, and prints a line of JSON.
int Ask(const Terms& terms);              // at a steady pace, and measures
int SendDatagrams(const Terms& terms);    // all names different, as fast as it goes or at `rate`
int HoldConnections(const Terms& terms);  // that say nothing, opened anew when closed
int WriteSlowly(const Terms& terms);      // by an octet a second
int ReadNothing(const Terms& terms);      // of the answers to all that can be asked

}  // namespace dnspin::flood
