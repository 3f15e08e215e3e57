#include "nft/queue_numbers.h"

#include <algorithm>
#include <utility>

namespace dnspin {

uint16_t QueueNumbers::For(const ServedClient& client, const ServedClient* before,
                           const ServedClients& clients) {
  if (!client.snooped || !client.permissions->AsksAnything()) {
    return 0;
  }
  if (before != nullptr && before->queue != 0) {
    return before->queue;
  }
  if (!one_) {
    return Next(clients);
  }
  return shared_ = shared_ != 0 ? shared_ : Next(clients);
}

uint16_t QueueNumbers::Next(const ServedClients& clients) {
  for (int tries = kLast - kFirst; tries >= 0; --tries) {
    const uint16_t number =
        std::exchange(next_, next_ == kLast ? kFirst : static_cast<uint16_t>(next_ + 1));
    if (std::none_of(clients.begin(), clients.end(),
                     [number](const auto& entry) { return entry.second.queue == number; }) &&
        !absl::IsAlreadyExists(HeldQueue::Open(number, {}).status())) {
      return number;
    }
  }
  return 0;
}

}  // namespace dnspin
