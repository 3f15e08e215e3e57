#pragma once
// Knows: how our own bugs end. A failed check stops the process; the firewall stays as it is: shut.

#include <cstdio>
#include <cstdlib>

#define DNSPIN_CHECK(condition)                                                               \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "<2>check failed: %s at %s:%d\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)
