#include "resolver/octet_store.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace dnspin {

size_t OctetStore::octets() const {
  return segment_octets_ + index_.capacity() * (sizeof(Entry*) + 1);
}

std::span<char> OctetStore::Find(std::string_view key) {
  const auto found = index_.find(key);
  if (found == index_.end()) {
    return {};
  }
  (*found)->found = 1;
  return (*found)->Value();
}

std::span<char> OctetStore::Peek(std::string_view key) {
  const auto found = index_.find(key);
  return found == index_.end() ? std::span<char>() : (*found)->Value();
}

bool OctetStore::Insert(std::string_view key, std::string_view value) {
  Erase(key);
  if (key.size() > kKeyOctetsMax || value.empty() ||
      value.size() > std::min(kValueOctetsMax, octets_max_ / 8)) {
    return false;
  }
  const size_t octets = Entry::Octets(key.size(), value.size());
  MakeRoom(octets);
  Segment& last = segments_.back();
  auto* const entry = new (last.octets.get() + last.filled) Entry();
  entry->value_octets = value.size() & kValueOctetsMax;
  entry->key_octets = key.size() & (2 * kKeyOctetsMax - 1);
  char* const begin = reinterpret_cast<char*>(entry + 1);
  std::copy(value.begin(), value.end(), std::copy(key.begin(), key.end(), begin));
  last.filled += octets;
  index_.insert(entry);
  while (this->octets() > octets_max_ && segments_.size() > 1) {
    DropOldest();  // the index has grown
  }
  return true;
}

// Behind this, the last segment has so much room.
void OctetStore::MakeRoom(size_t octets) {
  const size_t size = std::max(octets, kSegmentOctets);
  while (segments_.empty() || segments_.back().room() < octets) {
    if (segments_.empty() || this->octets() + size <= octets_max_) {
      segments_.push_back({std::make_unique_for_overwrite<char[]>(size), size, 0});
      segment_octets_ += size;
    } else if (segments_.front().size > kSegmentOctets ||
               octets > kSegmentOctets - kKeptOctetsMax) {
      DropOldest();
    } else {
      Segment oldest = std::move(segments_.front());
      segments_.pop_front();
      Sweep(oldest, kKeptOctetsMax);
      segments_.push_back(std::move(oldest));
    }
  }
}

bool OctetStore::IsIndexed(const Entry* entry) const {
  const auto found = index_.find(entry->Key());
  return found != index_.end() && *found == entry;
}

// What stays moves to the front. An entry that has been erased, or another took the place of, is
// not in the index any more.
void OctetStore::Sweep(Segment& segment, size_t kept_octets_max) {
  size_t kept = 0;
  for (size_t at = 0, next = 0; at < segment.filled; at = next) {
    auto* entry = reinterpret_cast<Entry*>(segment.octets.get() + at);
    const size_t octets = entry->Octets();
    next = at + octets;
    if (!IsIndexed(entry)) {
      continue;
    }
    index_.erase(entry);
    if (entry->found != 0 && kept + octets <= kept_octets_max) {
      std::memmove(segment.octets.get() + kept, entry, octets);
      entry = reinterpret_cast<Entry*>(segment.octets.get() + kept);
      entry->found = 0;
      index_.insert(entry);
      kept += octets;
    }
  }
  segment.filled = kept;
}

void OctetStore::DropOldest() {
  Sweep(segments_.front(), 0);
  segment_octets_ -= segments_.front().size;
  segments_.pop_front();
}

void OctetStore::Erase(std::string_view key) { index_.erase(key); }

void OctetStore::Clear() {
  index_.clear();
  segments_.clear();
  segment_octets_ = 0;
}

}  // namespace dnspin
