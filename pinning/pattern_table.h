#pragma once
// Knows: which patterns that spell a name out are about a name: one hash lookup a label, whatever
// their number. Touches nothing.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "pinning/host_pattern.h"
#include "pinning/positions.h"

namespace dnspin {

// Some 20 octets a pattern and, once for all of one name, that name.
class PatternTable {
 public:
  PatternTable() = default;
  PatternTable(const PatternTable&) = delete;  // its parts point at each other
  PatternTable& operator=(const PatternTable&) = delete;

  void Add(const HostPattern& pattern, uint32_t number);  // any but a regular expression
  void Finish();                                          // after the last Add, once

  // Appends the numbers of the patterns that match, or that are the same, in no order.
  void AppendMatching(const Name& name, Positions& numbers) const;
  void AppendSame(const HostPattern& pattern, Positions& numbers) const;

 private:
  using Kind = HostPattern::Kind;
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max() >> 2;

  // A pattern, and which other is of the same name, or kNone. Until Finish(): where its name is.
  class Entry {
   public:
    Entry(uint32_t number, Kind kind, uint32_t next)
        : number_(number), next_and_kind_(next << 2 | static_cast<uint32_t>(kind)) {}
    uint32_t number() const { return number_; }
    Kind kind() const { return static_cast<Kind>(next_and_kind_ & 3); }
    uint32_t next() const { return next_and_kind_ >> 2; }

   private:
    uint32_t number_;
    uint32_t next_and_kind_;
  };

  // Names are known by where they begin in `names_`, and asked for by their octets.
  struct NameHash {
    using is_transparent = void;
    const std::string* names;
    size_t operator()(uint32_t at) const;
    size_t operator()(std::string_view wire) const;
  };
  struct NameEqual {
    using is_transparent = void;
    const std::string* names;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t at, std::string_view wire) const {
      return names->compare(at, wire.size(), wire) == 0;
    }
  };

  uint32_t FirstOf(std::string_view wire) const;  // its entry, or kNone

  std::string names_;  // in wire form, each once, one after the other
  std::vector<Entry> entries_;
  absl::flat_hash_map<uint32_t, uint32_t, NameHash, NameEqual> first_of_{0, NameHash{&names_},
                                                                         NameEqual{&names_}};
};

}  // namespace dnspin
