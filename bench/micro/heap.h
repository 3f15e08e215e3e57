#pragma once
// Knows: how much of the heap is in use, by malloc's own count. Touches nothing.

#include <malloc.h>

#include <cstddef>

namespace dnspin::bench {

inline size_t HeapOctets() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

}  // namespace dnspin::bench
