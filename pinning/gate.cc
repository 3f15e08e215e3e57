#include "pinning/gate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

// An element that one request needs.
struct Wish {
  size_t request;  // its position among those held
  size_t place;    // the set and what is in it, as a number
  const PinElement* element;
};
using Wishes = std::span<const Wish>;  // in the order of their requests

// Of numbers below `limit`.
class NumberSet {
 public:
  explicit NumberSet(size_t limit) : rounds_(limit, 0) {}

  bool Contains(size_t number) const { return rounds_[number] == round_; }
  size_t size() const { return size_; }
  bool Insert(size_t number) {  // false: it was there
    const bool fresh = !Contains(number);
    rounds_[number] = round_;
    size_ += fresh ? 1 : 0;
    return fresh;
  }
  void Clear() {
    ++round_;
    size_ = 0;
  }

 private:
  std::vector<size_t> rounds_;  // in which each number came last
  size_t round_ = 1;
  size_t size_ = 0;
};

// Wishes in one transaction. An element that several requests need is in it once.
struct Batch {
  std::vector<PinElement> elements;
  std::vector<size_t> places;  // of the elements
};

// The kernel compares both with what was there before the batch: one must stand for both.
void Merge(PinElement& element, const PinElement& other) {
  element.replace = element.replace || other.replace;
  if (other.life > element.life) {
    element.life = other.life;
    element.comment = other.comment;
  }
}

}  // namespace

// One Settle: what has failed by now, and what the kernel has confirmed.
class Gate::Settlement {
 public:
  Settlement(Pinner& pinner, const std::vector<Held>& held)
      : pinner_(pinner),
        held_(held),
        failed_(held.size(), false),
        place_count_(ReadWishes()),
        waiting_(place_count_),
        counted_(place_count_),
        in_batch_(place_count_),
        positions_(place_count_),
        confirmed_(place_count_) {}

  std::vector<bool> Run() {
    const Wishes all = wishes_;
    size_t first = 0;  // of those that wait
    for (size_t next = 0; next < all.size(); ++next) {
      const bool begins = next == 0 || all[next].request != all[next - 1].request;
      if ((begins && waiting_.size() + NewPlaces(all.subspan(next)) > kElementsPerCommit) ||
          (waiting_.size() == kElementsPerCommit && !waiting_.Contains(all[next].place))) {
        SettleTogether(all.subspan(first, next - first));
        waiting_.Clear();
        first = next;
      }
      waiting_.Insert(all[next].place);
    }
    SettleTogether(all.subspan(first));
    return std::move(failed_);
  }

 private:
  // Returns how many places there are.
  size_t ReadWishes() {
    absl::flat_hash_map<std::pair<SharedText, Address>, size_t> places;
    for (size_t request = 0; request < held_.size(); ++request) {
      for (const PinElement& element : held_[request].elements) {
        const auto place = places.try_emplace({element.set, element.address}, places.size()).first;
        wishes_.push_back({request, place->second, &element});
      }
    }
    return places.size();
  }

  // How many more would wait with the request that `wishes` begin with.
  size_t NewPlaces(Wishes wishes) {
    counted_.Clear();
    for (const Wish& wish : wishes) {
      if (wish.request != wishes.front().request) {
        break;
      }
      if (!waiting_.Contains(wish.place)) {
        counted_.Insert(wish.place);
      }
    }
    return counted_.size();
  }

  void SettleTogether(Wishes together) {
    if (Commit(together)) {
      return;
    }
    // One bad neighbour must not sink the boat: client by client, then each alone.
    std::map<ClientId, std::vector<Wish>> by_client;
    for (const Wish& wish : together) {
      by_client[held_[wish.request].client].push_back(wish);
    }
    for (const auto& [client, wishes] : by_client) {
      if (by_client.size() == 1 || !Commit(wishes)) {
        SettleEachAlone(wishes);
      }
    }
  }

  void SettleEachAlone(Wishes wishes) {
    for (auto first = wishes.begin(); first != wishes.end();) {
      const auto last = std::find_if(first, wishes.end(), [first](const Wish& wish) {
        return wish.request != first->request;
      });
      if (!Commit({first, last})) {
        failed_[first->request] = true;
      }
      first = last;
    }
  }

  // True if the kernel holds what the requests among `wishes` that have not failed need of them.
  bool Commit(Wishes wishes) {
    const Batch batch = BatchOf(wishes);
    if (batch.elements.empty()) {
      return true;
    }
    if (silent_) {
      return false;
    }
    const CommitResult result = pinner_.Commit(batch.elements);
    silent_ = absl::IsDeadlineExceeded(result.status);
    for (const size_t position : result.refused) {
      DNSPIN_CHECK(position < batch.elements.size());
      for (const Wish& wish : wishes) {
        if (wish.place == batch.places[position]) {
          failed_[wish.request] = true;
        }
      }
    }
    if (result.status.ok()) {
      for (size_t i = 0; i < batch.elements.size(); ++i) {
        confirmed_[batch.places[i]] = batch.elements[i];
      }
    }
    return result.status.ok();
  }

  Batch BatchOf(Wishes wishes) {
    Batch batch;
    batch.elements.reserve(wishes.size());
    batch.places.reserve(wishes.size());
    in_batch_.Clear();
    for (const Wish& wish : wishes) {
      if (failed_[wish.request]) {
        continue;
      }
      if (in_batch_.Insert(wish.place)) {
        positions_[wish.place] = batch.elements.size();
        batch.elements.push_back(*wish.element);
        batch.places.push_back(wish.place);
      } else {
        Merge(batch.elements[positions_[wish.place]], *wish.element);
      }
    }
    for (size_t i = 0; i < batch.elements.size(); ++i) {
      KeepLonger(batch.elements[i], confirmed_[batch.places[i]]);
    }
    return batch;
  }

  // What was planned knew nothing of what this Settle confirms for another request.
  static void KeepLonger(PinElement& element, const std::optional<PinElement>& known) {
    if (!known) {
      return;
    }
    if (known->life >= element.life) {
      element.life = known->life;
      element.comment = known->comment;
    }
    element.replace = element.comment != known->comment;
  }

  Pinner& pinner_;
  const std::vector<Held>& held_;
  std::vector<bool> failed_;  // by request
  std::vector<Wish> wishes_;  // of all requests
  size_t place_count_;
  NumberSet waiting_;  // places that go together
  NumberSet counted_;
  NumberSet in_batch_;
  std::vector<size_t> positions_;                     // of the places in the batch
  std::vector<std::optional<PinElement>> confirmed_;  // by place
  bool silent_ = false;                               // the kernel did not answer in time
};

void Gate::Hold(ClientId client, uint64_t ticket, std::vector<PinElement> elements) {
  held_.push_back({client, ticket, std::move(elements)});
}

std::vector<Decision> Gate::Settle() {
  const std::vector<bool> failed = Settlement(pinner_, held_).Run();
  std::vector<Decision> decisions;
  decisions.reserve(held_.size());
  for (size_t request = 0; request < held_.size(); ++request) {
    decisions.push_back({held_[request].client, held_[request].ticket, !failed[request]});
  }
  held_.clear();
  return decisions;
}

}  // namespace dnspin
