#include "nft/table_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace dnspin {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kClientChains = "qbs-";

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint64_t NumberOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// Every text in an expression; a set is named `@set` there, a chain by itself.
void CollectWords(const Json& expression, std::set<std::string>& words) {
  if (expression.is_string()) {
    const auto word = expression.get<std::string>();
    words.insert(word.starts_with('@') ? word.substr(1) : word);
  } else if (expression.is_structured()) {
    for (const Json& part : expression) {
      CollectWords(part, words);
    }
  }
}

bool HoldsPins(const Json& set) {
  const std::string type = TextOf(set, "type");
  return (type == "ipv4_addr" || type == "ipv6_addr") &&
         set.value("flags", Json()) == Json::array({"timeout"});
}

void ReadRule(const Json& rule, TableView& view) {
  const std::string chain = TextOf(rule, "chain");
  const std::string comment = TextOf(rule, "comment");
  if (chain.starts_with(kClientChains) && comment.starts_with(kDigestComment)) {
    view.digests[chain] = comment.substr(kDigestComment.size());
  }
  if (comment == kOwnComment) {
    view.own_rules.push_back({chain, NumberOf(rule, "handle")});
  } else if (!chain.starts_with(kClientChains)) {
    CollectWords(rule.value("expr", Json()), view.used);
  }
}

// The objects of a listing, each under its kind: {"nftables": [{"rule": {...}}, ...]}.
template <typename F>
absl::Status ForEachObject(const std::string& text, F each) {
  const Json listing = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!listing.is_object() || !listing.contains("nftables") || !listing["nftables"].is_array()) {
    return absl::InternalError("libnftables lists something that is no JSON of its kind");
  }
  for (const Json& entry : listing["nftables"]) {
    if (entry.is_object() && entry.size() == 1 && entry.begin().value().is_object()) {
      each(entry.begin().key(), entry.begin().value());
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool TableView::HasChain(std::string_view name) const {
  return std::find(chains.begin(), chains.end(), name) != chains.end();
}

absl::StatusOr<TableViews> ReadTableViews(const std::string& json) {
  TableViews views;
  absl::Status status = ForEachObject(json, [&](const std::string& kind, const Json& object) {
    TableView& view = views[TextOf(object, kind == "table" ? "name" : "table")];
    if (kind == "rule") {
      ReadRule(object, view);
    } else if (kind == "chain") {
      view.chains.push_back(TextOf(object, "name"));
    } else if (kind == "set") {
      view.sets.push_back({TextOf(object, "name"), NumberOf(object, "size"), HoldsPins(object)});
    }
  });
  if (!status.ok()) {
    return status;
  }
  return views;
}

}  // namespace dnspin
