#include "config/address_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "config/words.h"
#include "pinning/special_address.h"

namespace dnspin {
namespace {

constexpr std::string_view kFolder = "/var/lib/dnspin/addresses/";

// What is larger is no provider's, but half of the internet.
constexpr uint8_t LengthMin(Family family) { return family == Family::kIpv4 ? 8 : 16; }

// Exact up to what matters: sums of powers of two of which the largest is 2^112.
long double NumberOf(const Address& address) {
  long double number = 0;
  for (const uint8_t octet : address.bytes()) {
    number = number * 256 + octet;
  }
  return number;
}

bool IsTooMuch(const std::vector<AddressRange>& ranges) {
  std::map<Family, long double> sums;
  for (const AddressRange& range : ranges) {
    sums[range.first.family()] += NumberOf(range.last) - NumberOf(range.first) + 1;
  }
  return std::any_of(sums.begin(), sums.end(), [](const auto& sum) {
    const int bits = sum.first == Family::kIpv4 ? 32 : 128;
    return sum.second > std::ldexp(1.0L, bits - LengthMin(sum.first));
  });
}

std::optional<Prefix> ReadNetwork(std::string_view word, LineReport& report) {
  const auto network = Prefix::Parse(word);
  if (!network) {
    report.Error(word, "neither an address nor a network:");
  } else if (network->address != Address::Parse(word.substr(0, word.find('/')))) {
    report.Error(word, "there are bits behind the length of", network->Text());
  } else if (network->length < LengthMin(network->address.family())) {
    report.Error(word, "too large for a provider's:");
  } else if (HasSpecial(*network)) {
    report.Error(word, "not a network of the internet:");
  }
  return report.failed() ? std::nullopt : network;
}

Diagnostic OfFile(const std::string& file, Severity severity, std::string message) {
  return {file, 1, 1, severity, std::move(message), {}, {}};
}

}  // namespace

std::vector<AddressRange> ReadAddressList(const std::string& file, std::string_view text,
                                          std::vector<Diagnostic>& diagnostics) {
  std::vector<Prefix> networks;
  size_t number = 0;
  DiagnosticQuota quota;
  for (const std::string_view line : SplitLines(text)) {
    LineReport report(file, ++number, line, diagnostics);
    const size_t before = diagnostics.size();
    const auto words = SplitWords(line);
    if (words.size() > 1) {
      report.Error(words[1], "one network a line, not also");
    } else if (words.size() == 1 && networks.size() == kNetworksMax) {
      report.Error(words[0], fmt::format("more than {} networks:", kNetworksMax));
      return {};
    } else if (words.size() == 1) {
      if (const auto network = ReadNetwork(words[0], report)) {
        networks.push_back(*network);
      }
    }
    if (!quota.Keep(diagnostics, before)) {
      report.Error(line.substr(0, 0), "too many faults: the rest of this file was not read");
      return {};
    }
  }
  std::vector<AddressRange> ranges = Merged(networks);
  if (ranges.size() > kAddressRangesMax) {
    diagnostics.push_back(OfFile(
        file, Severity::kError,
        fmt::format("more than {} networks that do not touch each other", kAddressRangesMax)));
  } else if (IsTooMuch(ranges)) {
    diagnostics.push_back(OfFile(file, Severity::kError,
                                 "together larger than a provider's: an IPv6 /16, or an IPv4 /8"));
  }
  return ranges;
}

std::string PlaceOfAddresses(const std::string& path) {
  return path.starts_with('/') ? path : std::string(kFolder) + path;
}

void AddressLists::Look(const std::string& path, int64_t wall_seconds, File& file) const {
  const std::string place = PlaceOfAddresses(path);
  const auto stamp = StampOf(place, wall_seconds);
  if (stamp && file.stamp == stamp) {
    return;
  }
  file.stamp = stamp;
  file.said.clear();
  NetworkList list{path, {}};
  if (const auto text = ReadTextFile(place, kAddressListOctetsMax); text.ok()) {
    list.ranges = ReadAddressList(place, *text, file.said);
  } else if (absl::IsNotFound(text.status())) {
    file.said.push_back(
        OfFile(place, Severity::kWarning, "there is no such file yet: nothing is open by it"));
  } else {
    file.said.push_back(OfFile(place, Severity::kError, std::string(text.status().message())));
    file.stamp.reset();  // it may be this moment's fault
  }
  if (HasErrors(file.said)) {
    list = file.list ? *file.list : NetworkList{path, {}};
  }
  if (!file.list || *file.list != list) {
    file.list = std::make_shared<const NetworkList>(std::move(list));
  }
}

NetworkLists AddressLists::Read(const std::vector<RuleList>& rules, int64_t wall_seconds,
                                std::vector<Diagnostic>& diagnostics) {
  std::set<std::string> paths;
  for (const RuleList& list : rules) {
    for (const Rule& rule : list) {
      if (rule.networks) {
        paths.insert(rule.networks->path);
      }
    }
  }
  std::erase_if(files_, [&](const auto& file) { return !paths.contains(file.first); });
  NetworkLists lists;
  size_t ranges = 0;
  for (const std::string& path : paths) {
    if (lists.size() == kAddressListsMax) {
      diagnostics.push_back(
          OfFile(PlaceOfAddresses(path), Severity::kError,
                 fmt::format("more than {} files of addresses are named", kAddressListsMax)));
      break;
    }
    File& file = files_[path];
    Look(path, wall_seconds, file);
    diagnostics.insert(diagnostics.end(), file.said.begin(), file.said.end());
    auto list = file.list;
    if (ranges + list->ranges.size() > kAddressRangesOfAllMax) {
      diagnostics.push_back(OfFile(
          PlaceOfAddresses(path), Severity::kError,
          fmt::format("with those before it more than {} networks", kAddressRangesOfAllMax)));
      list = std::make_shared<const NetworkList>(NetworkList{path, {}});
    }
    ranges += list->ranges.size();
    lists.emplace(path, std::move(list));
  }
  return lists;
}

}  // namespace dnspin
