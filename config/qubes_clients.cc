#include "config/qubes_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "config/qubesdb_rules.h"
#include "config/rule_sense.h"

namespace dnspin {
namespace {

using Addresses = std::set<Address>;

bool Share(const Addresses& some, const std::vector<Address>& others) {
  return std::any_of(others.begin(), others.end(),
                     [&](const Address& address) { return some.contains(address); });
}

struct Qube {
  Addresses addresses;
  std::set<std::string> interfaces;
};

std::vector<Qube> QubesOf(std::span<const Vif> vifs) {
  std::vector<Qube> qubes;
  for (const Vif& vif : vifs) {
    Qube qube{{vif.addresses.begin(), vif.addresses.end()}, {vif.interface}};
    std::erase_if(qubes, [&](const Qube& other) {
      const bool same = Share(other.addresses, {qube.addresses.begin(), qube.addresses.end()});
      if (same) {
        qube.addresses.insert(other.addresses.begin(), other.addresses.end());
        qube.interfaces.insert(other.interfaces.begin(), other.interfaces.end());
      }
      return same;
    });
    qubes.push_back(std::move(qube));
  }
  return qubes;
}

// The targets of one qube as one list. Both are dom0's one list: rules of the other family are left
// out of each, but not their numbers.
class Merged {
 public:
  void Add(const Address& address, TargetRules target, uint64_t order) {
    broken_ = broken_ || target.broken();
    diagnostics_.insert(diagnostics_.end(), target.diagnostics.begin(), target.diagnostics.end());
    if (targets_.empty() || order >= newest_order_) {
      newest_order_ = order;
      newest_ = address.family();
    }
    targets_.push_back({address.family(), std::move(target)});
  }
  bool broken() const { return broken_; }
  Family newest() const { return newest_; }  // whose target was read last
  std::vector<Diagnostic>& diagnostics() { return diagnostics_; }

  // True if each target has what the others have, but for what names an address of its family.
  bool settled() const {
    for (const auto& [family, target] : targets_) {
      for (const auto& [other_family, other] : targets_) {
        if (target.policy != other.policy || !IsWithin(target, other)) {
          return false;
        }
      }
    }
    return true;
  }

  // Of all targets, or those of one family.
  std::vector<Rule> Rules(std::optional<Family> only) const {
    std::map<uint32_t, Rule> by_number;
    Action policy = Action::kAccept;
    for (const auto& [family, target] : targets_) {
      if (!only || *only == family) {
        by_number.insert(target.rules.begin(), target.rules.end());
        policy = target.policy == Action::kDrop ? Action::kDrop : policy;
      }
    }
    std::vector<Rule> rules;
    rules.reserve(by_number.size() + 1);
    for (const auto& [number, rule] : by_number) {
      rules.push_back(rule);
    }
    if (policy == Action::kAccept) {
      Rule rest;
      rest.action = Action::kAccept;
      rules.push_back(rest);
    }
    return rules;
  }

 private:
  static bool IsWithin(const TargetRules& target, const TargetRules& other) {
    return std::all_of(target.rules.begin(), target.rules.end(), [&](const auto& numbered) {
      const auto same = other.rules.find(numbered.first);
      return same != other.rules.end() ? same->second == numbered.second
                                       : numbered.second.destination.has_value();
    });
  }

  std::vector<std::pair<Family, TargetRules>> targets_;
  bool broken_ = false;
  uint64_t newest_order_ = 0;
  Family newest_ = Family::kIpv4;
  std::vector<Diagnostic> diagnostics_;
};

// For a while or for ever.
bool AcceptsAll(Rule rule) {
  rule.expire.reset();
  return rule.action == Action::kAccept && EndsAll(rule);
}

Rule DnsRule(const Rule& accept) {
  Rule rule = accept;
  rule.dns_target = true;
  return rule;
}

Rule IcmpRule(const Rule& accept) {
  Rule rule = accept;
  rule.service.protocol = Protocol::kIcmp;
  return rule;
}

// Behind what position of dom0's rules local ones stand: behind every drop that names a
// destination, as far as anything acts there.
size_t PlaceOfLocals(const std::vector<Rule>& rules) {
  size_t place = 0;
  for (size_t i = 0; i < rules.size() && !EndsAll(rules[i]); ++i) {
    if (rules[i].action == Action::kDrop &&
        (rules[i].destination || rules[i].host || rules[i].dns_target)) {
      place = i + 1;
    }
  }
  return place;
}

// `said`: whether a bare accept was narrowed.
std::vector<Rule> WithLocals(const RuleList& dom0s, const std::vector<Rule>& locals,
                             bool dom0_accept, bool& said) {
  std::vector<Rule> rules(dom0s.begin(), dom0s.end());
  if (!dom0_accept) {
    std::vector<Rule> narrowed;
    for (const Rule& rule : rules) {
      if (AcceptsAll(rule)) {
        narrowed.push_back(DnsRule(rule));
        narrowed.push_back(IcmpRule(rule));
        said = true;
      } else {
        narrowed.push_back(rule);
      }
    }
    rules = std::move(narrowed);
  }
  const auto place = rules.begin() + static_cast<ptrdiff_t>(PlaceOfLocals(rules));
  rules.insert(place, locals.begin(), locals.end());
  return rules;
}

// What blocks the whole client: the first error.
void Block(ClientConfig& client, const std::vector<Diagnostic>& diagnostics) {
  const auto error =
      std::find_if(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& one) { return one.severity == Severity::kError; });
  client.rules.clear();
  client.fault = error != diagnostics.end() ? error->Text() : "an error";
}

// What is said of a rule where it stands: `FILE:LINE`.
Diagnostic OfRule(const Rule& rule, std::string message) {
  return {rule.origin.file ? *rule.origin.file : "",
          std::max<size_t>(rule.origin.line, 1),
          1,
          Severity::kError,
          std::move(message),
          rule.Text(),
          ""};
}

// The rules of all local files of a client, in order. A fault in one of them blocks it.
std::vector<Rule> LocalRules(const std::vector<const ClientConfig*>& locals, ClientConfig& client,
                             std::vector<Diagnostic>& diagnostics) {
  std::vector<Rule> rules;
  for (const ClientConfig* local : locals) {
    const auto bare = std::find_if(local->rules.begin(), local->rules.end(), AcceptsAll);
    if (bare != local->rules.end()) {
      diagnostics.push_back(
          OfRule(*bare, "beside dom0's rules there may be no rule that accepts all:"));
      Block(client, {diagnostics.back()});
    } else if (!local->fault.empty()) {
      client.rules.clear();
      client.fault = local->fault;
    }
    rules.insert(rules.end(), local->rules.begin(), local->rules.end());
  }
  return rules;
}

void AddLocals(const std::vector<const ClientConfig*>& locals, bool dom0_accept,
               ClientConfig& client, std::vector<Diagnostic>& diagnostics) {
  const std::vector<Rule> rules = LocalRules(locals, client, diagnostics);
  bool narrowed = false;
  if (client.fault.empty() && !locals.empty()) {
    client.rules = WithLocals(client.rules, rules, dom0_accept, narrowed);
  }
  if (narrowed) {
    diagnostics.push_back(
        {"/qubes-firewall/" + client.addresses.front().Text(), 1, 1, Severity::kWarning,
         "it has rules of its own, so dom0's plain accept stands for DNS and ICMP:", client.name,
         ""});
  }
}

// Nothing if dom0 has said nothing of this qube.
std::optional<ClientConfig> ClientOf(TargetReader& reader, const Qube& qube,
                                     const qubesdb::View& view,
                                     std::span<const ClientConfig> locals, bool dom0_accept,
                                     QubesClients& all) {
  ClientConfig client;
  Merged merged;
  for (const Address& address : qube.addresses) {
    if (const auto target = view.targets.find(address.Text()); target != view.targets.end()) {
      client.addresses.push_back(address);
      const auto order = view.orders.find(target->first);
      merged.Add(address, reader.Read(target->first, target->second),
                 order != view.orders.end() ? order->second : 0);
    }
  }
  if (client.addresses.empty()) {
    return std::nullopt;
  }
  client.interfaces.assign(qube.interfaces.begin(), qube.interfaces.end());
  client.name = client.addresses.front().Text();
  if (merged.broken()) {
    Block(client, merged.diagnostics());
  } else if (merged.settled()) {
    client.rules = merged.Rules({});
  } else {
    // What was written last counts, for its own family; the other is shut.
    client.unsettled = true;
    client.rules = merged.Rules(merged.newest());
    std::erase_if(client.addresses,
                  [&](const Address& address) { return address.family() != merged.newest(); });
  }
  std::vector<const ClientConfig*> own;
  for (const ClientConfig& local : locals) {
    if (Share(qube.addresses, local.addresses)) {
      own.push_back(&local);
    }
  }
  if (!own.empty() && !Address::Parse(own.front()->name)) {  // which another might be called by
    client.name = own.front()->name;
  }
  AddLocals(own, dom0_accept, client, all.diagnostics);
  std::move(merged.diagnostics().begin(), merged.diagnostics().end(),
            std::back_inserter(all.diagnostics));
  return client;
}

}  // namespace

QubesClients ClientsOfQubes(TargetReader& reader, const qubesdb::View& view,
                            std::span<const Vif> vifs, std::span<const ClientConfig> locals,
                            bool dom0_accept) {
  QubesClients all;
  std::set<std::string> names;
  for (const Qube& qube : QubesOf(vifs)) {
    auto client = ClientOf(reader, qube, view, locals, dom0_accept, all);
    if (!client) {
      continue;
    }
    if (!names.insert(client->name).second) {
      client->name = client->addresses.front().Text();  // one file speaks for two qubes
    }
    all.clients.push_back(*std::move(client));
  }
  reader.Tidy();
  std::sort(all.clients.begin(), all.clients.end(),
            [](const ClientConfig& a, const ClientConfig& b) { return a.name < b.name; });
  return all;
}

}  // namespace dnspin
