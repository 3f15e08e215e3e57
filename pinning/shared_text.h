#pragma once
// Knows: octets that many hold and nobody changes; a copy is a pointer. All holders are of one
// thread. Touches nothing.

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace dnspin {

class SharedText {
 public:
  SharedText() = default;   // empty
  template <typename Text>  // NOLINTNEXTLINE(google-explicit-constructor): as std::string's
  requires std::convertible_to<const Text&, std::string_view> SharedText(const Text& text)
      : octets_(Copied(text)) {}
  SharedText(const SharedText& other) : octets_(other.octets_) {
    if (octets_ != nullptr) {
      ++octets_->holders;
    }
  }
  SharedText(SharedText&& other) noexcept : octets_(std::exchange(other.octets_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(octets_, other.octets_);
    return *this;
  }
  ~SharedText() {
    if (octets_ != nullptr && --octets_->holders == 0) {
      Free(octets_);
    }
  }

  bool empty() const { return octets_ == nullptr; }
  size_t size() const { return empty() ? 0 : octets_->size; }
  const char* c_str() const { return empty() ? "" : Start(octets_); }
  std::string_view view() const { return {c_str(), size()}; }
  operator std::string_view() const { return view(); }  // NOLINT(*-explicit-*)

  template <typename Text>
  requires std::convertible_to<const Text&, std::string_view>
  friend bool operator==(const SharedText& a, const Text& b) {
    return a.view() == std::string_view(b);
  }
  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.octets_ == b.octets_ || a.view() == b.view();
  }
  friend std::strong_ordering operator<=>(const SharedText& a, const SharedText& b) {
    return a.view() <=> b.view();
  }
  template <typename H>
  friend H AbslHashValue(H h, const SharedText& text) {
    return H::combine(H::combine_contiguous(std::move(h), text.c_str(), text.size()), text.size());
  }

 private:
  struct Octets {  // and behind it the octets themselves, and a NUL
    uint32_t holders;
    uint32_t size;
  };
  static const char* Start(const Octets* octets) {
    return reinterpret_cast<const char*>(octets + 1);
  }
  static Octets* Copied(std::string_view text);  // null for none
  static void Free(Octets* octets);

  Octets* octets_ = nullptr;
};

}  // namespace dnspin
