#pragma once
// Knows: what a forged answer looks like in each mode: IPv4 packets, octet by octet. Touches
// nothing.

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dnspin::spoofer {

// Numbers in host order.
struct Seen {
  uint32_t client = 0;  // who asks
  uint32_t server = 0;
  uint16_t port = 0;  // of the client
  uint16_t id = 0;
  std::string question;  // name, type and class, as spelled on the wire
};

enum class Mode : uint8_t {
  // All is as in the true answer, but for one thing, which never is.
  kId,
  kPort,
  kCase,
  kName,
  kType,
  kClass,
  kSource,
  kSourcePort,
  kQuery,      // a question, not an answer
  kNobody,     // without a question
  kFragments,  // all is right, in two fragments
  kLate,       // all is right, behind the true answer
  kIcmp,       // no answer: an error that says that nobody is there
  // What an attacker off the path can do: he knows the name, and guesses port, ID and spelling.
  kBlind,
  // All is right and it comes first: an attacker on the path. It is to be believed.
  kOnPath,
};

std::optional<Mode> ModeOf(std::string_view name);

// The question in an IPv4 packet to port 53, or the one in an answer from there.
std::optional<Seen> ReadQuestion(std::span<const uint8_t> packet);
std::optional<Seen> ReadAnswer(std::span<const uint8_t> packet);

constexpr uint8_t kForgedTtl = 63;  // tells a forged packet from the kernel's own

using Random = std::mt19937_64;

// The packets of one forged answer, which tells `address`.
std::vector<std::string> Forge(Mode mode, const Seen& seen, uint32_t address, Random& random);

}  // namespace dnspin::spoofer
