#include "pinning/gate.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "pinning/check.h"

namespace dnspin {
namespace {

using Place = std::pair<std::string, Address>;  // the set, and what is in it

Place PlaceOf(const PinElement& element) { return {element.set, element.address}; }

// An element that one request needs.
struct Wish {
  size_t request;  // its position among those held
  const PinElement* element;
};
using Wishes = std::vector<Wish>;  // in the order of their requests

// Wishes in one transaction. An element that several requests need is in it once.
struct Batch {
  std::vector<PinElement> elements;
  std::vector<std::vector<size_t>> needed_by;  // per element: requests

  std::map<Place, size_t> places;

  void Add(const Wish& wish) {
    const PinElement& element = *wish.element;
    const auto [place, added] = places.try_emplace(PlaceOf(element), elements.size());
    if (added) {
      elements.push_back(element);
      needed_by.push_back({wish.request});
      return;
    }
    // The kernel compares both with what was there before the batch: one must stand for both.
    PinElement& same = elements[place->second];
    same.replace = same.replace || element.replace;
    if (element.life > same.life) {
      same.life = element.life;
      same.comment = element.comment;
    }
    needed_by[place->second].push_back(wish.request);
  }
};

}  // namespace

// One Settle: what has failed by now, and what the kernel has confirmed.
class Gate::Settlement {
 public:
  Settlement(Pinner& pinner, const std::vector<Held>& held)
      : pinner_(pinner), held_(held), failed_(held.size(), false) {}

  std::vector<bool> Run() {
    for (size_t request = 0; request < held_.size(); ++request) {
      const auto& elements = held_[request].elements;
      if (places_.size() + NewPlaces(elements) > kElementsPerCommit) {
        SettleWaiting();
      }
      for (const PinElement& element : elements) {
        if (places_.size() == kElementsPerCommit && !places_.contains(PlaceOf(element))) {
          SettleWaiting();
        }
        places_.insert(PlaceOf(element));
        waiting_.push_back({request, &element});
      }
    }
    SettleWaiting();
    return std::move(failed_);
  }

 private:
  size_t NewPlaces(const std::vector<PinElement>& elements) const {
    std::set<Place> fresh;
    for (const PinElement& element : elements) {
      if (!places_.contains(PlaceOf(element))) {
        fresh.insert(PlaceOf(element));
      }
    }
    return fresh.size();
  }

  void SettleWaiting() {
    places_.clear();
    const Wishes together = std::exchange(waiting_, {});
    if (Commit(together)) {
      return;
    }
    // One bad neighbour must not sink the boat: client by client, then each alone.
    std::map<ClientId, Wishes> by_client;
    for (const Wish& wish : together) {
      by_client[held_[wish.request].client].push_back(wish);
    }
    for (const auto& [client, wishes] : by_client) {
      if (by_client.size() == 1 || !Commit(wishes)) {
        SettleEachAlone(wishes);
      }
    }
  }

  void SettleEachAlone(const Wishes& wishes) {
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
  bool Commit(const Wishes& wishes) {
    Batch batch;
    for (const Wish& wish : wishes) {
      if (!failed_[wish.request]) {
        batch.Add(wish);
      }
    }
    if (batch.elements.empty()) {
      return true;
    }
    if (silent_) {
      return false;
    }
    for (PinElement& element : batch.elements) {
      KeepLonger(element);
    }
    const CommitResult result = pinner_.Commit(batch.elements);
    silent_ = absl::IsDeadlineExceeded(result.status);
    for (const size_t position : result.refused) {
      DNSPIN_CHECK(position < batch.needed_by.size());
      for (const size_t request : batch.needed_by[position]) {
        failed_[request] = true;
      }
    }
    if (result.status.ok()) {
      for (const PinElement& element : batch.elements) {
        confirmed_.insert_or_assign(PlaceOf(element), element);
      }
    }
    return result.status.ok();
  }

  // What was planned knew nothing of what this Settle confirms for another request.
  void KeepLonger(PinElement& element) const {
    const auto known = confirmed_.find(PlaceOf(element));
    if (known == confirmed_.end()) {
      return;
    }
    if (known->second.life >= element.life) {
      element.life = known->second.life;
      element.comment = known->second.comment;
    }
    element.replace = element.comment != known->second.comment;
  }

  Pinner& pinner_;
  const std::vector<Held>& held_;
  std::vector<bool> failed_;
  std::map<Place, PinElement> confirmed_;
  bool silent_ = false;  // the kernel did not answer in time
  Wishes waiting_;
  std::set<Place> places_;  // of `waiting_`
};

void Gate::Hold(ClientId client, uint64_t ticket, std::vector<PinElement> elements) {
  held_.push_back({client, ticket, std::move(elements)});
}

std::vector<Decision> Gate::Settle() {
  const std::vector<bool> failed = Settlement(pinner_, held_).Run();
  std::vector<Decision> decisions;
  for (size_t request = 0; request < held_.size(); ++request) {
    decisions.push_back({held_[request].client, held_[request].ticket, !failed[request]});
  }
  held_.clear();
  return decisions;
}

}  // namespace dnspin
