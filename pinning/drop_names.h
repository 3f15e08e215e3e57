#pragma once
// Knows: what the exact names of a client's drop rules resolve to, as its reader says: whole
// definite answers, each replaced only by the next. Touches nothing.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "pinning/address.h"
#include "pinning/channel_message.h"
#include "pinning/name.h"
#include "pinning/rule.h"

namespace dnspin {

inline constexpr size_t kDropNamesMax = 256;  // of one client; rules of further ones stay closed
inline constexpr size_t kDropAddressesMax = 256;  // of one answer

// The names to be resolved for drop rules, each once, in the order of the rules.
std::vector<Name> DropNamesOf(std::span<const Rule> rules);

class DropNames {
 public:
  // From now on the names of these rules; what is known of those that stay is kept.
  void Follow(std::span<const Rule> rules);

  // An address that the kernel holds for the name. All are put there at once, when the answers in
  // the families of `addresses`, the client's then, are known: so it counts as one in each.
  void Adopt(const Name& name, const Address& address, std::span<const Address> addresses);

  // A piece of an answer was passed over: the rest of that answer is too, it was never received.
  void LeaveOut();

  enum class Taken {
    kUnchanged,  // a part of an answer, or of one left out, or the same as before
    kChanged,    // a name has other addresses now, or its first definite answer
    kNoDropName,
    kOutOfOrder,  // continues nothing, or never ends
  };
  Taken Take(const DropAddresses& piece);

  // The position of the first rule whose name has no definite answer in one of the families of
  // `addresses`, the client's; the number of the rules if there is none.
  uint32_t ClosedFrom(std::span<const Rule> rules, std::span<const Address> addresses) const;

  // Ascending; null if there has been no definite answer.
  const std::vector<Address>* AddressesOf(const Name& name, Family family) const;
  bool IsKnown(const Name& name, std::span<const Address> addresses) const;  // in their families

 private:
  struct Known {  // by family, IPv4 first
    std::array<std::optional<std::vector<Address>>, 2> answers;
  };
  struct Partial {
    Name name;
    Family family = Family::kIpv4;
    uint32_t generation = 0;
    std::vector<Address> addresses;
  };

  std::map<Name, Known> names_;
  std::optional<Partial> partial_;  // an answer whose last piece is still to come
  bool left_out_ = false;           // that one is not to be
};

}  // namespace dnspin
