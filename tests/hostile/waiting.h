#pragma once
// Knows: how to wait by the calls that a confined reader may make. Touches: an epoll of its own.

#include <sys/epoll.h>

namespace dnspin {

// Made before the confinement: a reader may have one, and make no other.
inline int OwnEpoll() {
  static const int epoll = epoll_create1(EPOLL_CLOEXEC);
  return epoll;
}

// Whether it got ready; after `milliseconds` (-1: never) it did not.
inline bool WaitUntilReady(int fd, uint32_t events, int milliseconds) {
  epoll_event event{events, {}};
  if (fd >= 0) {
    epoll_ctl(OwnEpoll(), EPOLL_CTL_ADD, fd, &event);
  }
  const bool ready = epoll_wait(OwnEpoll(), &event, 1, milliseconds) == 1;
  if (fd >= 0) {
    epoll_ctl(OwnEpoll(), EPOLL_CTL_DEL, fd, &event);
  }
  return ready;
}

inline void Wait(int milliseconds) { WaitUntilReady(-1, 0, milliseconds); }

}  // namespace dnspin
