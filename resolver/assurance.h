#pragma once
// Knows: whether what dnspind said of pins still counts. It sees what others do to the firewall,
// and says so; but one that stands still says nothing. So its word is good for a short while, and
// in the second half of it one question asks for the next, while the others are told. Touches
// nothing.

#include <chrono>

#include "pinning/clock.h"

namespace dnspin {

class Assurance {
 public:
  // A flush by others is put right within 100 ms (promise 3); this is the part of it that a dnspind
  // that is late costs.
  static constexpr std::chrono::milliseconds kLasts{10};

  void Heard(BootTime now) { heard_ = now; }  // dnspind answers
  void Asked(BootTime now) { asked_ = now; }

  // False if what is pinned has to be asked for before it is told.
  bool Holds(BootTime now) const {
    return now < heard_ + kLasts / 2 || (now < heard_ + kLasts && now < asked_ + kLasts / 2);
  }

 private:
  BootTime heard_{};
  BootTime asked_{};
};

}  // namespace dnspin
