// Memory that there is none of.
#include <errno.h>
#include <malloc.h>

#include "tests/faults/fault_page.h"

using dnspin::faults::Kind;
using dnspin::faults::Meet;

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(size_t size) {
  if (Meet(Kind::kMemory, "malloc", dnspin::faults::kFail) != dnspin::faults::kNothing) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  if (Meet(Kind::kMemory, "calloc", dnspin::faults::kFail) != dnspin::faults::kNothing) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  if (Meet(Kind::kMemory, "realloc", dnspin::faults::kFail) != dnspin::faults::kNothing) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_realloc(memory, size);
}
}
