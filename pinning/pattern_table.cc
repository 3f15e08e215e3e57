#include "pinning/pattern_table.h"

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

std::string_view NameAt(std::string_view names, size_t at) {
  size_t end = at;
  while (names[end] != '\0') {
    end += 1 + static_cast<uint8_t>(names[end]);
  }
  return names.substr(at, end + 1 - at);
}

}  // namespace

size_t PatternTable::NameHash::operator()(uint32_t at) const { return (*this)(NameAt(*names, at)); }

// Abseil's seed differs from process to process: no list of rules can be made to collide.
size_t PatternTable::NameHash::operator()(std::string_view wire) const {
  return absl::Hash<absl::string_view>()(absl::string_view(wire.data(), wire.size()));
}

void PatternTable::Add(const HostPattern& pattern, uint32_t number) {
  DNSPIN_CHECK(first_of_.empty() && pattern.kind != Kind::kRegex);
  DNSPIN_CHECK(names_.size() < kNone && entries_.size() < kNone);
  entries_.emplace_back(number, pattern.kind, static_cast<uint32_t>(names_.size()));
  names_ += pattern.name.Wire();
}

void PatternTable::Finish() {
  DNSPIN_CHECK(first_of_.empty());
  const std::string added = std::exchange(names_, {});
  names_.reserve(added.size());
  entries_.shrink_to_fit();
  first_of_.reserve(entries_.size());
  for (uint32_t position = 0; position < entries_.size(); ++position) {
    Entry& entry = entries_[position];
    const std::string_view wire = NameAt(added, entry.next());
    auto first = first_of_.find(wire);
    if (first == first_of_.end()) {
      const auto at = static_cast<uint32_t>(names_.size());
      names_ += wire;
      first = first_of_.emplace(at, kNone).first;
    }
    entry = Entry(entry.number(), entry.kind(), std::exchange(first->second, position));
  }
  names_.shrink_to_fit();
}

uint32_t PatternTable::FirstOf(std::string_view wire) const {
  const auto first = first_of_.find(wire);
  return first == first_of_.end() ? kNone : first->second;
}

void PatternTable::AppendMatching(const Name& name, Positions& numbers) const {
  const std::string_view wire = name.Wire();
  for (size_t at = 0; wire[at] != '\0'; at += 1 + static_cast<uint8_t>(wire[at])) {
    const Kind other = at == 0 ? Kind::kBelow : Kind::kName;
    for (uint32_t i = FirstOf(wire.substr(at)); i != kNone; i = entries_[i].next()) {
      if (entries_[i].kind() != other) {
        numbers.push_back(entries_[i].number());
      }
    }
  }
}

void PatternTable::AppendSame(const HostPattern& pattern, Positions& numbers) const {
  for (uint32_t i = FirstOf(pattern.name.Wire()); i != kNone; i = entries_[i].next()) {
    if (entries_[i].kind() == pattern.kind) {
      numbers.push_back(entries_[i].number());
    }
  }
}

}  // namespace dnspin
