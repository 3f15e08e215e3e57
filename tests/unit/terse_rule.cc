#include "tests/unit/terse_rule.h"

#include <sstream>

#include "pinning/check.h"

namespace dnspin {

HostPattern TersePattern(const std::string& word) {
  using Kind = HostPattern::Kind;
  if (word.starts_with('~')) {
    return {Kind::kRegex, Name(), word.substr(1)};
  }
  const Kind kind = word.starts_with("*.")  ? Kind::kBelow
                    : word.starts_with('.') ? Kind::kZone
                                            : Kind::kName;
  const auto name = Name::FromHost(word.substr(kind == Kind::kBelow ? 2 : kind == Kind::kZone));
  DNSPIN_CHECK(name.has_value());
  return {kind, *name, ""};
}

namespace {

PortRange TersePorts(const std::string& word) {
  const size_t dash = word.find('-');
  const auto first = static_cast<uint16_t>(std::stoul(word));
  return {first, dash == std::string::npos
                     ? first
                     : static_cast<uint16_t>(std::stoul(word.substr(dash + 1)))};
}

std::shared_ptr<const NetworkList> TerseNetworks(const std::string& words) {
  std::istringstream stream(words);
  std::vector<Prefix> networks;
  for (std::string word; std::getline(stream, word, ',');) {
    networks.push_back(Prefix::Parse(word).value());
  }
  return std::make_shared<const NetworkList>(NetworkList{"list", Merged(networks)});
}

}  // namespace

Rule TerseRule(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  DNSPIN_CHECK(word == "accept" || word == "drop");
  Rule rule;
  rule.action = word == "accept" ? Action::kAccept : Action::kDrop;
  while (words >> word) {
    if (word == "tcp") {
      rule.service.protocol = Protocol::kTcp;
    } else if (word == "udp") {
      rule.service.protocol = Protocol::kUdp;
    } else if (word == "icmp") {
      rule.service.protocol = Protocol::kIcmp;
    } else if (word.starts_with('@')) {
      rule.networks = TerseNetworks(word.substr(1));
    } else if (word == "dns") {
      rule.dns_target = true;
    } else if (word.find('/') != std::string::npos) {
      rule.destination = Prefix::Parse(word);
      DNSPIN_CHECK(rule.destination.has_value());
    } else if (rule.service.protocol == Protocol::kIcmp) {
      rule.service.icmp_type = static_cast<uint8_t>(std::stoul(word));
    } else if (word.find_first_not_of("0123456789-") == std::string::npos) {
      rule.service.ports = TersePorts(word);
    } else {
      rule.host = TersePattern(word);
    }
  }
  return rule;
}

std::vector<Rule> TerseRules(const std::vector<std::string>& lines) {
  std::vector<Rule> rules;
  rules.reserve(lines.size());
  for (const std::string& line : lines) {
    rules.push_back(TerseRule(line));
  }
  return rules;
}

}  // namespace dnspin
