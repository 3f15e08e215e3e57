#pragma once
// Knows: octets by octets, kept one behind the other in segments. When they take as much as they
// may, the oldest segment is swept: what was found since stays, as far as it leaves a quarter
// free, and all else goes; or all of it goes, for a large entry and when the index grows. An entry
// costs what it is, and little more. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace dnspin {

class OctetStore {
 public:
  static constexpr size_t kSegmentOctets = 16 << 10;
  static constexpr size_t kKeptOctetsMax = kSegmentOctets / 4 * 3;  // of a segment that is swept
  static constexpr size_t kKeyOctetsMax = 1024;
  static constexpr size_t kValueOctetsMax = (1 << 20) - 1;  // and an eighth of all

  // `octets_max` of the heap, segments and index together; some segments at least.
  explicit OctetStore(size_t octets_max) : octets_max_(octets_max) {}

  // What was put in under `key`, and may be written; valid until the next Insert or Clear. Empty if
  // there is nothing.
  std::span<char> Find(std::string_view key);
  std::span<char> Peek(std::string_view key);  // which does not count as found
  // Takes the place of what was there. False if it is not kept: the key, or all of it,
  // is too long, or the value is empty.
  bool Insert(std::string_view key, std::string_view value);
  void Erase(std::string_view key);
  void Clear();

  template <typename Visit>
  void ForEach(const Visit& visit) {
    for (Entry* const entry : index_) {
      visit(entry->Value());
    }
  }

  size_t size() const { return index_.size(); }
  size_t octets() const;  // of the heap

 private:
  struct Entry {  // and behind it the key, the value, and up to three octets
    uint32_t value_octets : 20;
    uint32_t key_octets : 11;
    uint32_t found : 1;  // since it was put in, or its segment was swept

    static size_t Octets(size_t key, size_t value) {
      return (sizeof(Entry) + key + value + 3) & ~3U;
    }
    size_t Octets() const { return Octets(key_octets, value_octets); }
    std::string_view Key() const { return {reinterpret_cast<const char*>(this + 1), key_octets}; }
    std::span<char> Value() {
      return {reinterpret_cast<char*>(this + 1) + key_octets, value_octets};
    }
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return absl::HashOf(key); }
    size_t operator()(const Entry* entry) const { return absl::HashOf(entry->Key()); }
  };
  struct SameKey {
    using is_transparent = void;
    static std::string_view KeyOf(std::string_view key) { return key; }
    static std::string_view KeyOf(const Entry* entry) { return entry->Key(); }
    bool operator()(const auto& a, const auto& b) const { return KeyOf(a) == KeyOf(b); }
  };
  struct Segment {
    std::unique_ptr<char[]> octets;
    size_t size = 0;
    size_t filled = 0;
    size_t room() const { return size - filled; }
  };

  bool IsIndexed(const Entry* entry) const;
  void MakeRoom(size_t octets);
  void Sweep(Segment& segment, size_t kept_octets_max);
  void DropOldest();

  size_t octets_max_;
  std::deque<Segment> segments_;  // the oldest first; the last is being filled
  size_t segment_octets_ = 0;
  absl::flat_hash_set<Entry*, KeyHash, SameKey> index_;
};

}  // namespace dnspin
