#pragma once
// Knows: which NFQUEUE numbers are clients'. Touches: those of the kernel, which it tries. Needs
// CAP_NET_ADMIN.

#include <cstdint>

#include "nft/served_client.h"

namespace dnspin {

class QueueNumbers {
 public:
  // Administrators begin with 0.
  static constexpr uint16_t kFirst = 40'000;
  static constexpr uint16_t kLast = 59'999;

  // `one`: all clients' answers wait in one queue, as one reader reads them.
  explicit QueueNumbers(bool one) : one_(one) {}

  // Who may ask any server for any name does so, and its answers are held: in the queue where they
  // were held `before` (null: it is new), or one that none of `clients` has, nor anybody else in
  // this network namespace. 0: it asks by its door, where what it may not ask goes no further; as
  // it does where all numbers are taken.
  uint16_t For(const ServedClient& client, const ServedClient* before,
               const ServedClients& clients);

 private:
  uint16_t Next(const ServedClients& clients);

  const bool one_;
  uint16_t shared_ = 0;  // if `one_`; 0: not chosen yet
  uint16_t next_ = kFirst;
};

}  // namespace dnspin
