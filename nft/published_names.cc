#include "nft/published_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace dnspin {
namespace {

constexpr std::chrono::seconds kPause{1};

using Names = std::map<Name, std::set<Address>>;

// Of rules that spell one name out, accepting or dropping.
Names NamesOf(const ServedClient& client, BootTime now) {
  Names names;
  for (const Rule& rule : client.policy.rules) {
    if (rule.host && rule.host->kind == HostPattern::Kind::kName) {
      names[rule.host->name];
    }
  }
  if (names.empty()) {
    return names;
  }
  for (const auto& [key, pin] : client.ledger.pins()) {
    for (const PinHolder& holder : pin.holders) {
      const auto name = names.find(holder.asked);
      if (name != names.end() && holder.until > now) {
        name->second.insert(key.address);
      }
    }
  }
  for (auto& [name, addresses] : names) {
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      if (const auto* dropped = client.drops.AddressesOf(name, family)) {
        addresses.insert(dropped->begin(), dropped->end());
      }
    }
  }
  return names;
}

}  // namespace

std::string PublishedText(const std::set<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) {
    const std::string one = fmt::format("'{}/{}'", address.Text(), 8 * address.bytes().size());
    if (text.size() + one.size() + 4 > kPublishedOctetsMax) {
      break;
    }
    text += (text.empty() ? "" : ", ") + one;
  }
  return text.empty() ? text : "{" + text + "}";
}

void PublishedNames::Tell(const ServedClients& clients, BootTime now) {
  if (now < next_ || !source_.known()) {
    due_ = source_.known() ? std::optional(next_) : std::nullopt;
    return;
  }
  due_.reset();
  next_ = now + kPause;
  if (std::exchange(connection_, source_.connection()) != source_.connection()) {
    folders_.clear();  // another QubesDB, or one that has forgotten
    values_.clear();
  }
  std::set<std::string> folders;
  std::map<std::string, std::string> values;
  for (const auto& [id, client] : clients) {
    const Names names = NamesOf(client, now);
    for (const Address& own : client.desired.addresses) {
      const std::string folder = fmt::format("{}{}/", kPublishedNames, own.Text());
      folders.insert(folder);
      for (const auto& [name, addresses] : names) {
        std::set<Address> theirs;
        std::copy_if(addresses.begin(), addresses.end(), std::inserter(theirs, theirs.end()),
                     [&](const Address& address) { return address.family() == own.family(); });
        if (const std::string text = PublishedText(theirs); !text.empty()) {
          values[folder + name.Text()] = text;
        }
      }
    }
  }
  for (const std::string& folder : folders) {
    if (!folders_.contains(folder) && source_.Remove(folder)) {
      folders_.insert(folder);  // what was there an earlier qube, or dnspind, had left
    }
  }
  std::erase_if(folders_, [&](const std::string& folder) { return !folders.contains(folder); });
  std::erase_if(values_, [&](const auto& written) {
    return !values.contains(written.first) && source_.Remove(written.first);
  });
  for (const auto& [path, value] : values) {
    const auto written = values_.find(path);
    if ((written == values_.end() || written->second != value) && source_.Write(path, value)) {
      values_[path] = value;
    }
  }
}

}  // namespace dnspin
