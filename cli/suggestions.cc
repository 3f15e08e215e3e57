#include "cli/suggestions.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "cli/verdicts.h"
#include "config/public_suffix.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

constexpr size_t kNamesOfAZone = 3;  // so many below one domain make a pattern

const std::set<Service>& UsualServices() {
  static const std::set<Service> kUsual = {{Protocol::kTcp, PortRange{443, 443}, {}},
                                           {Protocol::kTcp, PortRange{80, 80}, {}}};
  return kUsual;
}

// Why no rule is proposed for the name; empty: one is.
std::string Unfit(const RecordedName& name) {
  constexpr std::array<std::string_view, 8> kOurs{
      "arpa",           "local", "localhost", "onion", "invalid", "alt", "use-application-dns.net",
      "mask.icloud.com"};
  if (!name.host) {
    return "no host name";
  }
  const bool ours = std::ranges::any_of(
      kOurs, [&](std::string_view zone) { return name.host->IsWithin(*Name::FromHost(zone)); });
  if (ours) {
    return "dnspin answers it itself";
  }
  if (SuffixKind(*name.host) == Suffix::kIcann) {
    return "strangers register names below it";
  }
  if (name.standing == "answered" && name.addresses.empty()) {
    return "it has no addresses";
  }
  return {};
}

// Also over TLS (RFC 7858).
bool IsDns(const Service& service) {
  return service.ports == PortRange{53, 53} || service.ports == PortRange{853, 853};
}

class Suggester {
 public:
  explicit Suggester(const RecordedClient& record) : record_(record), now_(record.rules) {
    suggestions_.client = record.client;
  }

  Suggestions Suggest() {
    FindGranted();
    JudgePackets();
    for (const auto& [text, name] : record_.names) {
      JudgeName(name);
    }
    for (auto& [title, names] : owners_) {
      suggestions_.domains.push_back(DomainOf(title, names));
    }
    return std::move(suggestions_);
  }

 private:
  using Services = std::set<Service>;
  struct Wanted {
    Name host;
    Services services;
    int64_t count;
  };

  void FindGranted();
  void JudgePackets();
  void JudgeName(const RecordedName& name);
  bool IsCovered(const RecordedName& name, const Permission& permission) const;
  void Want(const Name& host, Services services, int64_t count);
  void LeaveOut(std::string what, std::string why) {
    suggestions_.left_out.push_back({std::move(what), std::move(why)});
  }
  static SuggestedDomain DomainOf(const std::string& title, const std::vector<Wanted>& names);

  const RecordedClient& record_;
  const Verdicts now_;
  std::set<std::string> granted_;            // named by answers of what the rules list
  std::map<std::string, Services> blocked_;  // of names, by packets
  std::map<std::string, std::vector<Wanted>> owners_;
  Suggestions suggestions_;
};

void Suggester::JudgePackets() {
  for (const RecordedPacket& packet : record_.packets) {
    const std::string what = packet.address->Text() + " " + packet.text;
    if (packet.dropped) {
      LeaveOut(what, "a drop rule names it");
    } else if (!packet.service) {
      LeaveOut(what, "no rule can name that protocol");
    } else if (IsDns(*packet.service)) {
      LeaveOut(what, "another DNS server: it could tell anything, and be told");
    } else if (now_.Opens(*packet.address, *packet.service, Name::FromHost(packet.name))) {
      continue;  // its pin had ended, or a rule has come since
    } else if (record_.names.contains(packet.name)) {
      blocked_[packet.name].insert(*packet.service);
    } else if (KindOf(*packet.address) == AddressKind::kNever) {
      LeaveOut(what, "no address of somebody's");
    } else {
      Rule rule;
      rule.action = Action::kAccept;
      rule.service = *packet.service;
      rule.destination =
          Prefix{*packet.address, static_cast<uint8_t>(packet.address->bytes().size() * 8)};
      if (std::ranges::find(suggestions_.addresses, rule) == suggestions_.addresses.end()) {
        suggestions_.addresses.push_back(std::move(rule));
      }
    }
  }
}

// By the rules, or by what an answer under a rule led through.
bool Suggester::IsCovered(const RecordedName& name, const Permission& permission) const {
  return permission.standing == Standing::kPinned || granted_.contains(name.text);
}

void Suggester::FindGranted() {
  for (const auto& [text, name] : record_.names) {
    if (name.host && now_.Of(*name.host).standing == Standing::kPinned) {
      granted_.insert(name.chain.begin(), name.chain.end());
    }
  }
}

void Suggester::JudgeName(const RecordedName& name) {
  const auto blocked = blocked_.find(name.text);
  const Permission permission = name.host ? now_.Of(*name.host) : Permission();
  if (permission.standing == Standing::kBlocked || name.standing == "blocked") {
    LeaveOut(name.text, "a drop rule names it");
  } else if (IsCovered(name, permission)) {
    if (blocked != blocked_.end() && name.host) {
      Want(*name.host, blocked->second, name.count);
    }
  } else if (std::string why = Unfit(name); !why.empty()) {
    LeaveOut(name.text, std::move(why));
  } else {
    Services services = name.services;
    if (blocked != blocked_.end()) {
      services.insert(blocked->second.begin(), blocked->second.end());
    }
    if (services.empty()) {
      services = UsualServices();
    }
    Want(*name.host, std::move(services), name.count);
  }
}

void Suggester::Want(const Name& host, Services services, int64_t count) {
  const auto owner = RegistrableDomain(host);
  owners_[owner.value_or(host).Text()].push_back({host, std::move(services), count});
}

SuggestedDomain Suggester::DomainOf(const std::string& title, const std::vector<Wanted>& names) {
  SuggestedDomain domain;
  domain.title = title;
  Services all;
  for (const Wanted& wanted : names) {
    domain.names.push_back(wanted.host.Text());
    domain.count += wanted.count;
    all.insert(wanted.services.begin(), wanted.services.end());
    for (const Service& service : wanted.services) {
      Rule rule;
      rule.action = Action::kAccept;
      rule.host = HostPattern{HostPattern::Kind::kName, wanted.host, {}};
      rule.service = service;
      domain.exact.push_back(rule);
    }
  }
  const auto zone = Name::FromHost(title);
  if (names.size() < kNamesOfAZone || !zone || RegistrableDomain(*zone) != zone) {
    domain.rules = domain.exact;
    return domain;
  }
  for (const Service& service : all) {
    Rule rule;
    rule.action = Action::kAccept;
    rule.host = HostPattern{HostPattern::Kind::kZone, *zone, {}};
    rule.service = service;
    domain.rules.push_back(rule);
  }
  return domain;
}

}  // namespace

Suggestions SuggestFor(const RecordedClient& record) { return Suggester(record).Suggest(); }

}  // namespace dnspin
