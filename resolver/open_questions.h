#pragma once
// Knows: how many questions wait, of one client and of all together, and when that is enough.
// Touches nothing.

#include <cstddef>
#include <optional>
#include <utility>

namespace dnspin {

class OpenQuestions {
 public:
  // One question's place; it is given back when this ends.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(counts_, other.counts_);
      return *this;
    }
    ~Slot() {
      if (counts_ != nullptr) {
        counts_->Release();
      }
    }
    bool taken() const { return counts_ != nullptr; }

   private:
    friend class OpenQuestions;
    explicit Slot(OpenQuestions* counts) : counts_(counts) {}
    OpenQuestions* counts_ = nullptr;
  };

  // `all`, of which this is a part, outlives it; this outlives its slots.
  explicit OpenQuestions(size_t max, OpenQuestions* all = nullptr) : max_(max), all_(all) {}
  OpenQuestions(const OpenQuestions&) = delete;
  OpenQuestions& operator=(const OpenQuestions&) = delete;

  // What others have taken shuts nobody out: one question of each may always wait.
  std::optional<Slot> Take() {
    const bool all_taken = all_ != nullptr && all_->count_ >= all_->max_;
    if (count_ >= max_ || (all_taken && count_ > 0)) {
      return std::nullopt;
    }
    ++count_;
    if (all_ != nullptr) {
      ++all_->count_;
    }
    return Slot(this);
  }
  size_t count() const { return count_; }
  void SetMax(size_t max) { max_ = max; }  // those that wait already go on

 private:
  void Release() {
    --count_;
    if (all_ != nullptr) {
      --all_->count_;
    }
  }

  size_t max_;
  OpenQuestions* all_;
  size_t count_ = 0;
};

}  // namespace dnspin
