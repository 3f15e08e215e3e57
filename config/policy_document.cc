#include "config/policy_document.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "config/host_text.h"
#include "config/rule_text.h"
#include "nlohmann/json.hpp"
#include "pinning/grant.h"

namespace dnspin {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

// Reads one JSON object that has exactly the keys asked for. After the first fault all that follows
// reads as nothing.
class ObjectReader {
 public:
  ObjectReader(const Json& object, size_t keys, std::string& fault)
      : object_(object), fault_(fault) {
    if (!object.is_object() || object.size() != keys) {
      Fail("an object", "keys");
    }
  }

  const Json* Find(const char* key) {
    if (!fault_.empty() || !object_.is_object()) {
      return nullptr;
    }
    const auto found = object_.find(key);
    if (found == object_.end()) {
      Fail(key, "presence");
      return nullptr;
    }
    return &*found;
  }

  template <typename Number>
  Number GetNumber(const char* key, uint64_t max = std::numeric_limits<Number>::max()) {
    const Json* value = Find(key);
    if (value == nullptr) {
      return 0;
    }
    const auto* number = value->get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr || *number > max) {
      Fail(key, "range");
      return 0;
    }
    return static_cast<Number>(*number);
  }

  std::string GetText(const char* key) {
    const Json* value = Find(key);
    const auto* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
    if (value != nullptr && text == nullptr) {
      Fail(key, "type");
    }
    return text == nullptr ? std::string() : *text;
  }

  bool GetFlag(const char* key) {
    const Json* value = Find(key);
    if (value != nullptr && !value->is_boolean()) {
      Fail(key, "type");
      return false;
    }
    return value != nullptr && *value->get_ptr<const bool*>();
  }

  // Each text of a list, read by `read`, which gives an optional.
  template <typename T, typename Read>
  std::vector<T> GetList(const char* key, const Read& read) {
    const Json* value = Find(key);
    std::vector<T> list;
    if (value == nullptr) {
      return list;
    }
    if (!value->is_array()) {
      Fail(key, "type");
      return list;
    }
    list.reserve(value->size());
    for (const Json& item : *value) {
      std::optional<T> one = read(item);
      if (!one) {
        Fail(key, "content");
        return list;
      }
      list.push_back(*std::move(one));
    }
    return list;
  }

  void Fail(const char* key, const char* what) {
    if (fault_.empty()) {
      fault_ = fmt::format("policy document: {} of {}", what, key);
    }
  }

 private:
  const Json& object_;
  std::string& fault_;
};

// Nothing unless it is spelled as we would.
template <typename T>
std::optional<T> Exactly(const std::string& text, std::optional<T> value) {
  return value && value->Text() == text ? std::move(value) : std::nullopt;
}

template <typename T>
std::optional<T> ParseText(const Json& item) {
  const auto* text = item.get_ptr<const std::string*>();
  return text == nullptr ? std::nullopt : Exactly(*text, T::Parse(*text));
}

std::optional<Name> HostFrom(const std::string& text) {
  return Exactly(text, Name::FromHost(text));
}

std::string RuleText(const Rule& rule) {
  return rule.expire ? fmt::format("{} expire={}", rule.Text(), *rule.expire) : rule.Text();
}

// Reads text that was judged when it came from a file; it must be what we would write.
template <typename T, typename Read, typename Write>
std::optional<T> ReadOurs(const Json& item, const Read& read, const Write& write) {
  const auto* text = item.get_ptr<const std::string*>();
  if (text == nullptr) {
    return std::nullopt;
  }
  static const std::string kNoFile;
  std::vector<Diagnostic> faults;
  LineReport report(kNoFile, 1, *text, faults);
  std::optional<T> value = read(*text, Author::kOurselves, report);
  return value && write(*value) == *text ? std::move(value) : std::nullopt;
}

std::optional<Rule> RuleFrom(const Json& item) {
  return ReadOurs<Rule>(
      item,
      [](std::string_view text, Author author, LineReport& report) {
        return ReadRule(text, author, report, {&kAddressesFile, 1});
      },
      RuleText);
}

std::optional<HostPattern> PatternFrom(const Json& item) {
  return ReadOurs<HostPattern>(item, ReadHostPattern,
                               [](const HostPattern& pattern) { return pattern.Text(); });
}

Json TermsJson(const PinTerms& terms) {
  return {{"told_max_s", terms.told_max.count()},
          {"floor_s", terms.floor.count()},
          {"slack_s", terms.slack.count()},
          {"per_client", terms.per_client},
          {"per_name", terms.per_name}};
}

PinTerms TermsFrom(const Json& json, std::string& fault) {
  constexpr uint64_t kSecondsMax = std::numeric_limits<uint32_t>::max();
  ObjectReader object(json, 5, fault);
  PinTerms terms;
  terms.told_max = seconds(object.GetNumber<int64_t>("told_max_s", kSecondsMax));
  terms.floor = seconds(object.GetNumber<int64_t>("floor_s", kSecondsMax));
  terms.slack = seconds(object.GetNumber<int64_t>("slack_s", kSecondsMax));
  terms.per_client = object.GetNumber<uint32_t>("per_client");
  terms.per_name = object.GetNumber<uint32_t>("per_name");
  return terms;
}

Json LimitsJson(const Limits& limits) {
  return {{"questions_in_flight", limits.questions_in_flight},
          {"questions_per_second", limits.questions_per_second},
          {"questions_burst", limits.questions_burst},
          {"connections", limits.connections},
          {"names_per_pattern", limits.names_per_pattern}};
}

Limits LimitsFrom(const Json& json, std::string& fault) {
  ObjectReader object(json, 5, fault);
  Limits limits;
  limits.questions_in_flight = object.GetNumber<uint32_t>("questions_in_flight");
  limits.questions_per_second = object.GetNumber<uint32_t>("questions_per_second");
  limits.questions_burst = object.GetNumber<uint32_t>("questions_burst");
  limits.connections = object.GetNumber<uint32_t>("connections");
  limits.names_per_pattern = object.GetNumber<uint32_t>("names_per_pattern");
  return limits;
}

std::optional<Upstream> UpstreamFrom(const Json& json) {
  std::string fault;
  ObjectReader object(json, 2, fault);
  const std::string text = object.GetText("endpoint");
  const auto endpoint = Exactly(text, Endpoint::Parse(text));
  std::string interface = object.GetText("interface");
  if (!fault.empty() || !endpoint) {
    return std::nullopt;
  }
  return Upstream{*endpoint, std::move(interface)};
}

std::optional<Grant> GrantFrom(const Json& json) {
  std::string fault;
  ObjectReader object(json, 5, fault);
  std::string rule_host = object.GetText("rule_host");
  const auto target = HostFrom(object.GetText("target"));
  const auto parent = HostFrom(object.GetText("parent"));
  const auto depth = object.GetNumber<uint8_t>("depth", Grants::kDepthMax);
  const auto until = object.GetNumber<int64_t>("until_ns", std::numeric_limits<int64_t>::max());
  if (!fault.empty() || !target || !parent || depth == 0) {
    return std::nullopt;
  }
  return Grant{std::move(rule_host), *target, *parent, depth, BootTime(BootClock::duration(until))};
}

std::optional<uint32_t> PositionFrom(const Json& json) {
  const auto* number = json.get_ptr<const uint64_t*>();
  return number != nullptr && *number <= std::numeric_limits<uint32_t>::max()
             ? std::optional(static_cast<uint32_t>(*number))
             : std::nullopt;
}

std::optional<uint32_t> IndexFrom(const Json& json) {
  const auto index = PositionFrom(json);
  return index != 0U ? index : std::nullopt;
}

template <typename List, typename Write>
Json ListJson(const List& values, const Write& write) {
  Json list = Json::array();
  for (const auto& value : values) {
    list.push_back(write(value));
  }
  return list;
}

}  // namespace

std::string PolicyDocument(const Policy& policy) {
  const auto text = [](const auto& value) { return value.Text(); };
  const Json document{
      {"client", policy.client},
      {"addresses", ListJson(policy.addresses, text)},
      {"generation", policy.generation},
      {"interface_indexes", policy.interface_indexes},
      {"rules", ListJson(policy.rules, RuleText)},
      {"closed_from", policy.closed_from},
      {"prefetch", policy.prefetch},
      {"terms", TermsJson(policy.terms)},
      {"limits", LimitsJson(policy.limits)},
      {"rebind_ok", ListJson(policy.rebind_ok, text)},
      {"svcb", policy.bindings.svcb},
      {"ech", policy.bindings.ech},
      {"intercept_any", policy.intercept_any},
      {"intercept", ListJson(policy.intercept, text)},
      {"reaches_upstreams", policy.reaches_upstreams},
      {"upstreams",
       ListJson(
           policy.upstreams,
           [](const Upstream& upstream) {
             return Json{{"endpoint", upstream.endpoint.Text()}, {"interface", upstream.interface}};
           })},
      {"own", ListJson(policy.own, text)},
      {"grants", ListJson(policy.grants, [](const Grant& grant) {
         return Json{{"rule_host", grant.rule_host},
                     {"target", grant.target.Text()},
                     {"parent", grant.parent.Text()},
                     {"depth", grant.depth},
                     {"until_ns", static_cast<uint64_t>(grant.until.time_since_epoch().count())}};
       })}};
  // Nothing here is but ASCII; were it not, the reader would refuse it rather than this side throw.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Policy> ReadPolicyDocument(std::string_view document) {
  if (document.size() > kPolicyDocumentOctetsMax) {
    return absl::InvalidArgumentError("policy document: too long");
  }
  const Json json = Json::parse(document, nullptr, false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError("policy document: not JSON");
  }
  std::string fault;
  ObjectReader object(json, 18, fault);
  Policy policy;
  policy.client = object.GetText("client");
  policy.addresses = object.GetList<Address>("addresses", ParseText<Address>);
  policy.generation = object.GetNumber<uint32_t>("generation");
  policy.interface_indexes = object.GetList<uint32_t>("interface_indexes", IndexFrom);
  policy.rules = object.GetList<Rule>("rules", RuleFrom);
  policy.closed_from = object.GetNumber<uint32_t>("closed_from");
  policy.prefetch = object.GetList<uint32_t>("prefetch", PositionFrom);
  if (const Json* terms = object.Find("terms")) {
    policy.terms = TermsFrom(*terms, fault);
  }
  if (const Json* limits = object.Find("limits")) {
    policy.limits = LimitsFrom(*limits, fault);
  }
  policy.rebind_ok = object.GetList<HostPattern>("rebind_ok", PatternFrom);
  policy.bindings = {static_cast<BindingTerms::Svcb>(object.GetNumber<uint8_t>("svcb", 2)),
                     static_cast<BindingTerms::Ech>(object.GetNumber<uint8_t>("ech", 1))};
  policy.intercept_any = object.GetFlag("intercept_any");
  policy.intercept = object.GetList<Address>("intercept", ParseText<Address>);
  policy.reaches_upstreams = object.GetFlag("reaches_upstreams");
  policy.upstreams = object.GetList<Upstream>("upstreams", UpstreamFrom);
  policy.own = object.GetList<Address>("own", ParseText<Address>);
  policy.grants = object.GetList<Grant>("grants", GrantFrom);
  if (!fault.empty()) {
    return absl::InvalidArgumentError(fault);
  }
  return policy;
}

}  // namespace dnspin
