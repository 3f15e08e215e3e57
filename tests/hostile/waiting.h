#pragma once
// Knows: how to wait by the calls that a confined reader may make. Touches: an epoll of its own.

#include <sys/epoll.h>

#include "io/descriptor.h"

namespace dnspin {

// Whether it got ready; after `milliseconds` (-1: never) it did not.
inline bool WaitUntilReady(int fd, uint32_t events, int milliseconds) {
  const Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{events, {}};
  if (fd >= 0) {
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
  }
  return epoll_wait(epoll.get(), &event, 1, milliseconds) == 1;
}

inline void Wait(int milliseconds) { WaitUntilReady(-1, 0, milliseconds); }

}  // namespace dnspin
