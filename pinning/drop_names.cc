#include "pinning/drop_names.h"

#include <algorithm>
#include <set>
#include <utility>

namespace dnspin {
namespace {

size_t IndexOf(Family family) { return family == Family::kIpv4 ? 0 : 1; }

void Normalize(std::vector<Address>& addresses) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

}  // namespace

std::vector<Name> DropNamesOf(std::span<const Rule> rules) {
  std::vector<Name> names;
  std::set<Name> known;
  for (const Rule& rule : rules) {
    if (names.size() < kDropNamesMax && rule.DropsAddresses() &&
        known.insert(rule.host->name).second) {
      names.push_back(rule.host->name);
    }
  }
  return names;
}

void DropNames::Follow(std::span<const Rule> rules) {
  std::map<Name, Known> followed;
  for (const Name& name : DropNamesOf(rules)) {
    followed[name] = std::move(names_[name]);
  }
  names_ = std::move(followed);
}

void DropNames::Adopt(const Name& name, const Address& address,
                      std::span<const Address> addresses) {
  auto& answers = names_[name].answers;
  for (const Address& own : addresses) {
    auto& answer = answers.at(IndexOf(own.family()));
    answer = answer.value_or(std::vector<Address>());
  }
  if (auto& answer = answers.at(IndexOf(address.family()))) {
    answer->push_back(address);
    Normalize(*answer);
  }
}

void DropNames::LeaveOut() {
  partial_.reset();
  left_out_ = true;
}

DropNames::Taken DropNames::Take(const DropAddresses& piece) {
  const auto found = names_.find(piece.name);
  if (found == names_.end()) {
    partial_.reset();
    return Taken::kNoDropName;
  }
  if (piece.first) {
    partial_ = Partial{piece.name, piece.family, piece.generation, {}};
    left_out_ = false;
  } else if (left_out_) {
    return Taken::kUnchanged;
  } else if (!partial_ || partial_->name != piece.name || partial_->family != piece.family ||
             partial_->generation != piece.generation) {
    return Taken::kOutOfOrder;
  }
  auto& addresses = partial_->addresses;
  addresses.insert(addresses.end(), piece.addresses.begin(), piece.addresses.end());
  if (addresses.size() > kDropAddressesMax) {
    partial_.reset();
    return Taken::kOutOfOrder;
  }
  if (!piece.last) {
    return Taken::kUnchanged;
  }
  Normalize(addresses);
  auto& answer = found->second.answers[IndexOf(piece.family)];
  const bool changed = answer != addresses;
  answer = std::move(addresses);
  partial_.reset();
  return changed ? Taken::kChanged : Taken::kUnchanged;
}

const std::vector<Address>* DropNames::AddressesOf(const Name& name, Family family) const {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    return nullptr;
  }
  const auto& answer = found->second.answers[IndexOf(family)];
  return answer ? &*answer : nullptr;
}

bool DropNames::IsKnown(const Name& name, std::span<const Address> addresses) const {
  return std::all_of(addresses.begin(), addresses.end(), [&](const Address& address) {
    return AddressesOf(name, address.family()) != nullptr;
  });
}

uint32_t DropNames::ClosedFrom(std::span<const Rule> rules,
                               std::span<const Address> addresses) const {
  const auto closing = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) {
    return rule.DropsAddresses() && !IsKnown(rule.host->name, addresses);
  });
  return static_cast<uint32_t>(closing - rules.begin());
}

}  // namespace dnspin
