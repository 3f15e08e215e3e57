// The rules that a client's record suggests, for people, programs and dom0.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/rule_line.h"
#include "cli/suggestions.h"

namespace dnspin {
namespace {

// A name of a qube, which a shell takes for one word.
bool IsQubeName(std::string_view name) {
  constexpr size_t kOctetsMax = 31;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= kOctetsMax && is_letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
         });
}

std::string Lines(const std::vector<Rule>& rules) {
  std::string text;
  for (const Rule& rule : rules) {
    text += RuleLine(rule) + "\n";
  }
  return text;
}

Json LinesJson(const std::vector<Rule>& rules) {
  Json list = Json::array();
  for (const Rule& rule : rules) {
    list.push_back(RuleLine(rule));
  }
  return list;
}

std::string DomainText(const SuggestedDomain& domain) {
  std::string text =
      fmt::format("\n# {} (questions: {})\n{}", domain.title, domain.count, Lines(domain.rules));
  if (domain.rules != domain.exact) {
    text += "# instead of all below it, name by name:\n";
    for (const Rule& rule : domain.exact) {
      text += "#   " + RuleLine(rule) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string Suggestions::QvmFirewallText(const std::string& vm, const std::string& before) const {
  std::string text;
  const auto add = [&](const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
      text += fmt::format("{}qvm-firewall {} add --before 0 {}\n", before, vm, rule.Text());
    }
  };
  for (const SuggestedDomain& domain : domains) {
    add(domain.exact);
  }
  add(addresses);
  return text;
}

std::string Suggestions::Text() const {
  if (domains.empty() && addresses.empty()) {
    return fmt::format("# {} has asked for nothing that its rules do not open.\n",
                       Harmless(client));
  }
  std::string text =
      fmt::format("# What {} asked for and did not get. Take what you know.\n", Harmless(client));
  for (const SuggestedDomain& domain : domains) {
    text += DomainText(domain);
  }
  if (!addresses.empty()) {
    text += "\n# Addresses that were sent to, without a name\n" + Lines(addresses);
  }
  if (!left_out.empty()) {
    text += "\n# Left out\n";
    for (const LeftOut& one : left_out) {
      text += fmt::format("#   {}: {}\n", Harmless(one.what), one.why);
    }
  }
  text += "\n# The same for dom0, name by name\n";
  return text + QvmFirewallText(IsQubeName(client) ? client : "VMNAME", "#   ");
}

Json Suggestions::AsJson() const {
  Json list = Json::array();
  for (const SuggestedDomain& domain : domains) {
    list.push_back({{"domain", domain.title},
                    {"names", domain.names},
                    {"count", domain.count},
                    {"rules", LinesJson(domain.rules)},
                    {"exact", LinesJson(domain.exact)}});
  }
  Json out = Json::array();
  for (const LeftOut& one : left_out) {
    out.push_back({{"what", one.what}, {"why", one.why}});
  }
  return {{"client", client},
          {"domains", list},
          {"addresses", LinesJson(addresses)},
          {"left_out", out}};
}

Shown RunSuggest(const Call& call) {
  const std::string* const vm = call.Option("--qvm");
  if (vm != nullptr && !IsQubeName(*vm)) {
    return absl::InvalidArgumentError("--qvm takes the name of a qube");
  }
  const auto reply = call.Ask(call.RequestOf("record"));
  if (!reply.ok()) {
    return reply.status();
  }
  const Suggestions suggestions = SuggestFor(ReadRecord(*reply));
  if (call.json) {
    return JsonText(suggestions.AsJson());
  }
  return vm != nullptr ? suggestions.QvmFirewallText(*vm, "") : suggestions.Text();
}

}  // namespace dnspin
