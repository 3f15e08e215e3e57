#include "nft/learning.h"

#include <algorithm>
#include <memory>

namespace dnspin {
namespace {

// cli/record.cc knows it too; no file is called so.
const std::shared_ptr<const std::string>& OriginOfLessons() {
  static const auto kOrigin = std::make_shared<const std::string>("learn");
  return kOrigin;
}

bool DropsWhatIsLeft(const Rule& rule) {
  return rule.action == Action::kDrop && !rule.host && !rule.SpellsAddresses() &&
         !rule.dns_target && rule.service == Service{};
}

bool DropsAName(const Rule& rule) { return rule.action == Action::kDrop && rule.host; }

Rule OfLesson(Rule rule) {
  rule.origin = {OriginOfLessons(), 0};
  return rule;
}

Rule AnyName(const Service& service) {
  Rule rule;
  rule.action = Action::kAccept;
  rule.host = HostPattern{HostPattern::Kind::kRegex, {}, ".+"};
  rule.service = service;
  return OfLesson(std::move(rule));
}

}  // namespace

// By the very text: nothing that is read from a file shares it.
bool IsOfLesson(const Rule& rule) { return rule.origin.file == OriginOfLessons(); }

std::vector<Rule> OwnRules(std::span<const Rule> rules) {
  std::vector<Rule> own;
  std::copy_if(rules.begin(), rules.end(), std::back_inserter(own),
               [](const Rule& rule) { return !IsOfLesson(rule); });
  return own;
}

std::vector<Rule> TaughtRules(std::span<const Rule> rules, std::span<const Service> services) {
  const auto end = std::find_if(rules.begin(), rules.end(), DropsWhatIsLeft);
  std::vector<Rule> taught(rules.begin(), end);
  const auto behind = end == rules.end() ? end : end + 1;
  for (auto rule = behind; rule != rules.end() && !DropsWhatIsLeft(*rule); ++rule) {
    if (rule->action == Action::kDrop && !rule->dns_target) {
      taught.push_back(OfLesson(*rule));
    }
  }
  for (const Rule& rule : rules) {
    if (DropsAName(rule) && rule.service != Service{}) {
      taught.push_back(OfLesson(rule));
      taught.back().service = {};
    }
  }
  std::transform(services.begin(), services.end(), std::back_inserter(taught), AnyName);
  taught.insert(taught.end(), end, rules.end());
  return taught;
}

bool Learning::EndDue(BootTime now) {
  return std::erase_if(lessons_, [now](const auto& entry) { return entry.second.until <= now; }) !=
         0;
}

std::optional<BootTime> Learning::NextDeadline() const {
  std::optional<BootTime> next;
  for (const auto& [client, lesson] : lessons_) {
    next = std::min(next.value_or(lesson.until), lesson.until);
  }
  return next;
}

bool Learning::EndOfWhoHasGone(const std::function<bool(const std::string&, ClientId)>& is_there) {
  return std::erase_if(lessons_, [&](const auto& entry) {
           return !is_there(entry.first, entry.second.client);
         }) != 0;
}

bool Learning::Apply(Desired& desired) {
  bool any_ended = false;
  for (DesiredClient& client : desired.clients) {
    auto lesson = lessons_.find(client.name);
    const bool was_taught = std::any_of(client.rules.begin(), client.rules.end(), IsOfLesson);
    if (lesson == lessons_.end() && !was_taught) {
      continue;
    }
    std::vector<Rule> rules = OwnRules(std::span(client.rules.data(), client.rules.size()));
    if (lesson != lessons_.end() && lesson->second.own.value_or(rules) != rules) {
      lessons_.erase(lesson);
      lesson = lessons_.end();
      any_ended = true;
    }
    if (lesson != lessons_.end() && client.fault.empty() && !client.unsettled) {
      lesson->second.own = rules;
      rules = TaughtRules(rules, lesson->second.services);
    }
    client.rules = RuleList(std::move(rules));
  }
  return any_ended;
}

}  // namespace dnspin
