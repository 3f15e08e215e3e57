#include "fuzz/judge_model.h"

#include <algorithm>

#include "fuzz/answer_oracle.h"

namespace dnspin::model {
namespace {

using std::chrono::seconds;

constexpr seconds kRemembered{60};  // after its end a grant is late, and no lie

bool EndsIn(std::string_view name, std::string_view tail) {
  return name.size() > tail.size() && name.ends_with(tail) &&
         name[name.size() - tail.size() - 1] == '.';
}

bool Matches(const std::string& host, const std::string& name) {
  if (host.starts_with("*.")) {
    return EndsIn(name, std::string_view(host).substr(2));
  }
  if (host.starts_with(".")) {
    const auto zone = std::string_view(host).substr(1);
    return name == zone || EndsIn(name, zone);
  }
  return name == host;
}

bool IsHost(const std::string& name) {
  return name != "." && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

bool Refuses(const Line& line) { return !line.accept && line.service.empty(); }

std::string OctetsOf(const Address& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

}  // namespace

Client::Listing Client::ListingOf(const std::string& name) const {
  Listing listing;
  bool allowed = false;
  for (size_t i = 0; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    if (!Matches(line.host, name)) {
      continue;
    }
    if (Refuses(line)) {
      listing.refused = !allowed;
      return listing;
    }
    if (line.accept && IsHost(name)) {
      allowed = true;
      if (!line.only_dns) {
        listing.lines.push_back(i);
      }
    }
  }
  return listing;
}

// True if the first line of this host is not behind where the chain is closed.
bool Client::IsOpen(const std::string& rule_host) const {
  for (size_t i = 0; i < std::min(lines_.size(), closed_from_); ++i) {
    if (lines_[i].accept && !lines_[i].only_dns && lines_[i].host == rule_host) {
      return true;
    }
  }
  return false;
}

// True if there may be a grant that ended a moment ago, or one that was left out.
bool Client::MayStillBe(const std::string& rule_host, const std::string& target,
                        BootTime now) const {
  const auto [begin, end] = grants_.equal_range({rule_host, target});
  return now < unsure_until_ ||
         std::any_of(begin, end, [&](const auto& g) { return now < g.second.until + kRemembered; });
}

bool Client::MayBeTarget(const std::string& rule_host, const std::string& target) const {
  for (const Line& line : lines_) {
    if (line.accept && !line.only_dns && line.host == rule_host) {
      return IsHost(target);
    }
    if (Refuses(line) && Matches(line.host, target)) {
      return false;
    }
  }
  return false;
}

bool Client::MayAnswer(const std::string& asked, std::string_view address) const {
  const bool lifted = terms_.rebind_ok.contains(asked) && !ListingOf(asked).lines.empty();
  return (address.size() == 4 ? terms_.ipv4 : terms_.ipv6) &&
         !oracle::IsForbidden(address, !lifted, terms_.own);
}

Client::Client(std::vector<Line> lines, Terms terms)
    : lines_(std::move(lines)), terms_(std::move(terms)) {
  Follow(std::move(lines_), BootTime{} - seconds(terms_.told_max_s) - kRemembered);
  generation_ = 1;
}

void Client::Turn(BootTime now) {
  if (turned_at_ && now - *turned_at_ >= kRemembered) {
    unsure_until_ = std::max(unsure_until_, now + kRemembered);
  }
  turned_at_ = now;
}

void Client::Follow(std::vector<Line> lines, BootTime now) {
  lines_ = std::move(lines);
  ++generation_;
  closed_from_ = SIZE_MAX;
  for (size_t i = lines_.size(); i-- > 0;) {
    if (!lines_[i].accept && !lines_[i].host.starts_with('.') && !lines_[i].host.starts_with('*')) {
      closed_from_ = i;
    }
  }
  std::erase_if(grants_, [&](const auto& grant) {
    return !MayBeTarget(grant.first.first, grant.first.second);
  });
  unsure_until_ = std::max(unsure_until_, now + seconds(terms_.told_max_s) + kRemembered);
}

Verdict Client::Judge(const PinRequest& request, BootTime now) const {
  if (request.generation > generation_) {
    return Verdict::kBreach;
  }
  const std::string asked = request.asked.Text();
  const Listing listing = ListingOf(asked);
  const bool granted = !listing.refused && listing.lines.empty();
  const Verdict wrong = request.generation < generation_                       ? Verdict::kStale
                        : granted && MayStillBe(request.rule_host, asked, now) ? Verdict::kRefused
                                                                               : Verdict::kBreach;
  const bool may_answer =
      std::all_of(request.addresses.begin(), request.addresses.end(),
                  [&](const Address& address) { return MayAnswer(asked, OctetsOf(address)); });
  if (request.told_s < 1 || request.told_s > terms_.told_max_s || !may_answer || listing.refused) {
    return wrong;
  }
  if (!granted) {
    const size_t first = listing.lines.front();
    return first < closed_from_ && lines_[first].host == request.rule_host ? Verdict::kStands
                                                                           : wrong;
  }
  const auto [begin, end] = grants_.equal_range({request.rule_host, asked});
  const bool live = std::any_of(begin, end, [&](const auto& g) { return now < g.second.until; });
  if (live && !IsOpen(request.rule_host)) {
    return request.generation < generation_ ? Verdict::kStale : Verdict::kRefused;
  }
  return live ? Verdict::kOpen : wrong;
}

Verdict Client::Take(const GrantRequest& request, BootTime now) {
  if (request.generation > generation_) {
    return Verdict::kBreach;
  }
  const std::string parent = request.parent.Text();
  const std::string target = request.target.Text();
  const bool old = request.generation < generation_;
  const bool doubt = MayStillBe(request.rule_host, parent, now);
  const seconds ttl(std::min(request.ttl_s, terms_.told_max_s));
  unsure_until_ = std::max(unsure_until_, now + ttl + kRemembered);  // it may be left out
  if (request.ttl_s < 1 || request.ttl_s > terms_.told_max_s ||
      !MayBeTarget(request.rule_host, target)) {
    return old ? Verdict::kStale : Verdict::kBreach;
  }
  std::optional<Granted> made;
  const Listing listing = ListingOf(parent);
  if (!listing.lines.empty()) {
    const size_t first = listing.lines.front();
    if (first < closed_from_ && lines_[first].host == request.rule_host) {
      made = Granted{BootTime::max(), 1};
    }
  } else if (!listing.refused) {
    const auto [begin, end] = grants_.equal_range({request.rule_host, parent});
    for (auto grant = begin; grant != end; ++grant) {
      if (grant->second.depth == 1 && now < grant->second.until &&
          (!made || made->until < grant->second.until)) {
        made = Granted{grant->second.until, 2};
      }
    }
  }
  if (!made) {
    return old ? Verdict::kStale : doubt ? Verdict::kRefused : Verdict::kBreach;
  }
  const Listing own = ListingOf(target);
  if (own.refused || !own.lines.empty() || parent == target) {
    return Verdict::kStale;
  }
  made->until = std::min(made->until, now + seconds(request.ttl_s));
  grants_.emplace(Key{request.rule_host, target}, *made);
  return Verdict::kOpen;
}

bool Client::Explains(const std::string& rule_host, const std::string& asked,
                      std::string_view address, const std::string& service) const {
  if (!MayAnswer(asked, address)) {
    return false;
  }
  const Listing listing = ListingOf(asked);
  const auto serves = [&](const Line& line) {
    return line.host == rule_host && line.service == service;
  };
  if (!listing.lines.empty()) {
    return std::any_of(listing.lines.begin(), listing.lines.end(),
                       [&](size_t i) { return serves(lines_[i]); });
  }
  return !listing.refused && grants_.contains({rule_host, asked}) &&
         std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) {
           return line.accept && !line.only_dns && serves(line);
         });
}

}  // namespace dnspin::model
