#pragma once
// Knows: how a C library's object frees itself as the deleter of a unique_ptr. Touches nothing.

namespace dnspin {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace dnspin
