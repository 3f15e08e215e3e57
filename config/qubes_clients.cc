#include "config/qubes_clients.h"

#include <fmt/format.h>

#include <algorithm>
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

// The targets of one qube as one list: dom0 leaves rules of the other family out of each, but not
// their numbers.
class Merged {
 public:
  void Add(TargetRules target) {
    broken_ = broken_ || target.broken();
    policy_ = target.policy == Action::kDrop ? Action::kDrop : policy_;
    diagnostics_.insert(diagnostics_.end(), target.diagnostics.begin(), target.diagnostics.end());
    for (auto& [number, rule] : target.rules) {
      const auto [known, fresh] = rules_.try_emplace(number, rule);
      settled_ = settled_ && (fresh || known->second == rule);
    }
  }
  bool broken() const { return broken_; }
  bool settled() const { return settled_; }
  std::vector<Diagnostic>& diagnostics() { return diagnostics_; }

  std::vector<Rule> Rules() const {
    std::vector<Rule> rules;
    for (const auto& [number, rule] : rules_) {
      rules.push_back(rule);
    }
    if (policy_ == Action::kAccept) {
      Rule rest;
      rest.action = Action::kAccept;
      rules.push_back(rest);
    }
    return rules;
  }

 private:
  std::map<uint32_t, Rule> rules_;
  Action policy_ = Action::kAccept;
  bool broken_ = false;
  bool settled_ = true;
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
    if (rules[i].action == Action::kDrop && (rules[i].destination || rules[i].host)) {
      place = i + 1;
    }
  }
  return place;
}

// `said`: whether a bare accept was narrowed.
std::vector<Rule> WithLocals(std::vector<Rule> rules, const std::vector<Rule>& locals,
                             bool dom0_accept, bool& said) {
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

// The rules of all local files of a client, in order. A fault in one of them blocks it.
std::vector<Rule> LocalRules(const std::vector<const ClientConfig*>& locals, ClientConfig& client,
                             std::vector<Diagnostic>& diagnostics) {
  std::vector<Rule> rules;
  for (const ClientConfig* local : locals) {
    const auto bare = std::find_if(local->rules.begin(), local->rules.end(), AcceptsAll);
    if (bare != local->rules.end()) {
      diagnostics.push_back(
          {bare->origin, 1, 1, Severity::kError,
           "beside dom0's rules there may be no rule that accepts all:", bare->Text(), ""});
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
    client.rules = WithLocals(std::move(client.rules), rules, dom0_accept, narrowed);
  }
  if (narrowed) {
    diagnostics.push_back(
        {"/qubes-firewall/" + client.addresses.front().Text(), 1, 1, Severity::kWarning,
         "it has rules of its own, so dom0's plain accept stands for DNS and ICMP:", client.name,
         ""});
  }
}

// Nothing if dom0 has said nothing of this qube.
std::optional<ClientConfig> ClientOf(const Qube& qube, const qubesdb::View& view,
                                     std::span<const ClientConfig> locals, bool dom0_accept,
                                     QubesClients& all) {
  ClientConfig client;
  Merged merged;
  for (const Address& address : qube.addresses) {
    if (const auto target = view.targets.find(address.Text()); target != view.targets.end()) {
      client.addresses.push_back(address);
      merged.Add(ReadTarget(target->first, target->second));
    }
  }
  if (client.addresses.empty()) {
    return std::nullopt;
  }
  client.interfaces.assign(qube.interfaces.begin(), qube.interfaces.end());
  client.name = client.addresses.front().Text();
  const bool settled = merged.settled();
  if (merged.broken()) {
    Block(client, merged.diagnostics());
  } else if (settled) {
    client.rules = merged.Rules();
  }
  std::vector<const ClientConfig*> own;
  for (const ClientConfig& local : locals) {
    if (Share(qube.addresses, local.addresses)) {
      own.push_back(&local);
    }
  }
  client.name = own.empty() ? client.name : own.front()->name;
  if (settled) {
    AddLocals(own, dom0_accept, client, all.diagnostics);
  }
  if (!settled && !merged.broken()) {
    all.unsettled.push_back(client.name);
  }
  std::move(merged.diagnostics().begin(), merged.diagnostics().end(),
            std::back_inserter(all.diagnostics));
  return client;
}

}  // namespace

QubesClients ClientsOfQubes(const qubesdb::View& view, std::span<const Vif> vifs,
                            std::span<const ClientConfig> locals, bool dom0_accept) {
  QubesClients all;
  std::set<std::string> names;
  for (const Qube& qube : QubesOf(vifs)) {
    auto client = ClientOf(qube, view, locals, dom0_accept, all);
    if (!client) {
      continue;
    }
    if (!names.insert(client->name).second) {
      client->name = client->addresses.front().Text();  // one file speaks for two qubes
    }
    all.clients.push_back(*std::move(client));
  }
  std::sort(all.clients.begin(), all.clients.end(),
            [](const ClientConfig& a, const ClientConfig& b) { return a.name < b.name; });
  return all;
}

}  // namespace dnspin
