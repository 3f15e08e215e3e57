#pragma once
// Knows: what dnspind may make of a reader's messages, worked out a second time, from rules spelled
// as text, without pinning/permission.h, pinning/grant.h and nft/judge.h. Touches nothing.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pinning/channel_message.h"
#include "pinning/clock.h"

namespace dnspin::model {

struct Line {  // of a rule list
  bool accept = true;
  std::string host;     // "a.test", ".a.test", "*.a.test"
  std::string service;  // "tcp 443"; empty: all
  bool only_dns = false;
};

struct Terms {
  uint32_t told_max_s = 300;
  std::set<std::string> rebind_ok;  // exact names
  std::set<std::string> own;        // octets
  bool ipv4 = true, ipv6 = true;
};

enum class Verdict : uint8_t {
  kStands,
  kStale,    // it does not stand, but is no lie
  kBreach,   // a lie
  kRefused,  // one of these two: limits decide which that the model does not know
  kOpen,     // no lie; whether it stands is as above
};

class Client {
 public:
  Client(std::vector<Line> lines, Terms terms);

  // What follows came now. After a long while anything may be late.
  void Turn(BootTime now);

  // New rules; the next generation. What they do not let be granted any more is forgotten.
  void Follow(std::vector<Line> lines, BootTime now);

  Verdict Judge(const PinRequest& request, BootTime now) const;
  // Notes the grant that it may have made.
  Verdict Take(const GrantRequest& request, BootTime now);

  // True if `asked` may be pinned to `address` under `rule_host` and `service` as the rules are
  // now, by themselves or for a grant that may have been made.
  bool Explains(const std::string& rule_host, const std::string& asked, std::string_view address,
                const std::string& service) const;

  // True if an answer under that host may name it, and no rule does.
  bool MayBeGranted(const std::string& rule_host, const std::string& target) const {
    const Listing listing = ListingOf(target);
    return !listing.refused && listing.lines.empty() && MayBeTarget(rule_host, target);
  }
  bool MayAnswer(const std::string& asked, std::string_view address) const;

 private:
  struct Listing {
    bool refused = false;       // a drop stands first
    std::vector<size_t> lines;  // under which it is pinned
  };
  struct Granted {
    BootTime until;
    int depth = 1;
  };
  using Key = std::pair<std::string, std::string>;  // rule host, target

  Listing ListingOf(const std::string& name) const;
  bool IsOpen(const std::string& rule_host) const;
  bool MayBeTarget(const std::string& rule_host, const std::string& target) const;

  bool MayStillBe(const std::string& rule_host, const std::string& target, BootTime now) const;

  std::vector<Line> lines_;
  size_t closed_from_ = SIZE_MAX;  // a drop of one name, of which nothing is known yet
  Terms terms_;
  uint32_t generation_ = 1;
  std::multimap<Key, Granted> grants_;  // all that may have been made, whatever the limits
  std::optional<BootTime> turned_at_;
  BootTime unsure_until_{};  // one was left out, or rules have changed
};

}  // namespace dnspin::model
