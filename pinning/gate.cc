#include "pinning/gate.h"

#include <algorithm>
#include <map>
#include <utility>

namespace dnspin {

// A part of what is held, in one transaction. An element that several requests need is in it once.
struct Gate::Batch {
  std::vector<PinElement> elements;
  std::vector<std::vector<size_t>> needed_by;  // per element: positions in held_

  std::map<std::pair<std::string, Address>, size_t> places;

  void Add(const PinElement& element, size_t request) {
    const auto [place, added] = places.try_emplace({element.set, element.address}, elements.size());
    if (added) {
      elements.push_back(element);
      needed_by.push_back({request});
      return;
    }
    // The kernel compares both with what was there before the batch: one must stand for both.
    PinElement& same = elements[place->second];
    if (element.life > same.life) {
      same.life = element.life;
      same.comment = element.comment;
    }
    same.replace = same.replace || element.replace || element.comment != same.comment;
    needed_by[place->second].push_back(request);
  }

  std::vector<size_t> Requests() const {
    std::vector<size_t> requests;
    for (const auto& needing : needed_by) {
      requests.insert(requests.end(), needing.begin(), needing.end());
    }
    std::sort(requests.begin(), requests.end());
    requests.erase(std::unique(requests.begin(), requests.end()), requests.end());
    return requests;
  }
};

void Gate::Hold(ClientId client, uint64_t ticket, std::vector<PinElement> elements) {
  held_.push_back({client, ticket, std::move(elements)});
}

// True if the kernel holds the whole batch. Requests that it named as the cause are marked failed.
bool Gate::CommitOnce(const Batch& batch, std::vector<bool>& failed) {
  const CommitResult result = pinner_.Commit(batch.elements);
  for (const size_t position : result.refused) {
    for (const size_t request : batch.needed_by[position]) {
      failed[request] = true;
    }
  }
  return result.status.ok();
}

void Gate::SettleBatch(const Batch& batch, std::vector<bool>& failed) {
  if (CommitOnce(batch, failed)) {
    return;
  }
  // One bad neighbour must not sink the boat: client by client, then each alone.
  std::map<ClientId, std::vector<size_t>> by_client;
  for (const size_t request : batch.Requests()) {
    by_client[held_[request].client].push_back(request);
  }
  const auto part = [&](const std::vector<size_t>& requests) {
    Batch smaller;
    for (size_t i = 0; i < batch.elements.size(); ++i) {
      for (const size_t request : batch.needed_by[i]) {
        if (!failed[request] &&
            std::find(requests.begin(), requests.end(), request) != requests.end()) {
          smaller.Add(batch.elements[i], request);
        }
      }
    }
    return smaller;
  };
  for (const auto& [client, requests] : by_client) {
    const Batch of_client = part(requests);
    if (of_client.elements.empty() || CommitOnce(of_client, failed)) {
      continue;
    }
    for (const size_t request : requests) {
      const Batch alone = part({request});
      if (!failed[request] && !CommitOnce(alone, failed)) {
        failed[request] = true;
      }
    }
  }
}

std::vector<Decision> Gate::Settle() {
  std::vector<bool> failed(held_.size(), false);
  Batch batch;
  for (size_t request = 0; request < held_.size(); ++request) {
    for (const PinElement& element : held_[request].elements) {
      if (batch.elements.size() == kElementsPerCommit) {
        SettleBatch(std::exchange(batch, {}), failed);
      }
      batch.Add(element, request);
    }
  }
  if (!batch.elements.empty()) {
    SettleBatch(batch, failed);
  }
  std::vector<Decision> decisions;
  for (size_t request = 0; request < held_.size(); ++request) {
    decisions.push_back({held_[request].client, held_[request].ticket, !failed[request]});
  }
  held_.clear();
  return decisions;
}

}  // namespace dnspin
