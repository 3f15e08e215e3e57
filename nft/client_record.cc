#include "nft/client_record.h"

#include <algorithm>

namespace dnspin {

AskedName& ClientRecord::Note(const Name& name, BootTime now) {
  const auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    names_.splice(names_.begin(), names_, known->second);
  } else {
    names_.emplace_front();
    names_.front().name = name;
    names_.front().first = now;
    by_name_[name] = names_.begin();
    if (names_.size() > kNamesMax) {
      by_name_.erase(names_.back().name);
      names_.pop_back();
    }
  }
  AskedName& asked = names_.front();
  asked.last = now;
  ++asked.count;
  return asked;
}

void ClientRecord::Take(const AnswerReport& report, BootTime now) {
  AskedName& asked = Note(report.asked, now);
  if (!report.addresses.empty() || asked.addresses.empty()) {
    asked.type = report.type;
  }
  asked.rcode = report.rcode;
  asked.pinned = report.pinned;
  asked.refused.reset();
  asked.told_s = report.told_s;
  if (report.addresses.empty()) {
    return;  // a name has addresses of one family, often, and none of the other
  }
  asked.chain = report.chain;
  std::vector<Address> addresses = report.addresses;
  for (const Address& address : asked.addresses) {
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
  }
  addresses.resize(std::min(addresses.size(), kAddressesMax));
  asked.addresses = std::move(addresses);
}

void ClientRecord::Take(const RefusalReport& report, BootTime now) {
  AskedName& asked = Note(report.asked, now);
  asked.pinned = false;
  asked.refused = report.ede;
}

const AskedName* ClientRecord::Find(const Name& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &*found->second;
}

std::vector<const AskedName*> ClientRecord::With(const Address& address) const {
  std::vector<const AskedName*> found;
  for (const AskedName& asked : names_) {
    if (std::find(asked.addresses.begin(), asked.addresses.end(), address) !=
        asked.addresses.end()) {
      found.push_back(&asked);
    }
  }
  return found;
}

}  // namespace dnspin
