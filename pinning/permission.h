#pragma once
// Knows: who may ask what, and which rules an asked name's addresses are pinned under (design.md
// 3). The security decision: no clock, no I/O, no log.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pinning/name_rules.h"
#include "pinning/policy.h"
#include "pinning/positions.h"
#include "pinning/shared_text.h"

namespace dnspin {

enum class Standing : uint8_t {
  kPinned,    // listed by accept rules: resolve, pin, tell
  kAnswered,  // not listed, or listed for DNS alone: resolve and tell, nothing is pinned
  kBlocked,   // a drop rule names it: EDE 15
  kNotReady,  // listed only behind a drop whose addresses are not known yet: its answer is walked,
              // then EDE 14
  kProhibited,  // the rules let no such question out: EDE 18
};
std::string_view StandingText(Standing standing);  // "not ready"

struct Permission {
  Standing standing = Standing::kProhibited;
  uint32_t rule = 0;     // position of the rule that decided; 0 for kProhibited
  Positions pinned;      // of all accept rules that its addresses are pinned under; of
                         // kNotReady all behind where the chain is closed
  bool granted = false;  // not by what the rules themselves say of the name

  // True if the rules say nothing of the name, or speak of DNS alone: a grant may add to that.
  bool LeavesRoom() const {
    return standing == Standing::kAnswered || standing == Standing::kProhibited;
  }
};

enum class Transport : uint8_t { kUdp, kTcp };

// The rules of one client, ready to be asked. Keeps its own copy of what it needs.
class Permissions {
 public:
  explicit Permissions(const Policy& policy);

  // `destination`: where the client sent the question, if that is known.
  Permission Judge(const Name& asked, Transport transport,
                   std::optional<Address> destination) const;
  // A listed name is listed however it is asked.
  Permission Judge(const Name& asked) const { return Judge(asked, Transport::kTcp, std::nullopt); }

  // True if the client may ask some server for any name, by UDP.
  bool AsksAnything() const { return open_.at(static_cast<size_t>(Transport::kUdp)).has_value(); }

  // True if a rule before position `rule` refuses `name` in DNS: for the names on a lineage.
  bool Refuses(const Name& name, uint32_t rule) const;

  // The positions of the rules whose host is spelled `host` (HostPattern::Text()) and that pin,
  // ascending.
  Positions PinningUnder(std::string_view host) const;

  // HostPattern::Text() of the rule at that position, which has a host. Stays where it is.
  const SharedText& HostOf(uint32_t position) const;

  // What a name is that these rules pin, ascending: ready if the chain is open as far as the first.
  Standing StandingUnder(const Positions& pinned) const;

  // True if a rule that spells an address lets some packet of this client reach `address`.
  bool Reaches(const Address& address) const;

  // True if `rebind_ok` lets `asked` answer with private addresses.
  bool MayRebind(const Name& asked) const { return rebind_ok_.Matches(asked); }
  // True if such addresses are pinned: the rules list the name themselves, no answer chose it.
  bool MayPinPrivate(const Name& asked) const {
    return MayRebind(asked) && !Judge(asked).LeavesRoom();
  }

 private:
  enum class Says : uint8_t { kNothing, kRefuse, kAllow, kPin };
  static Says SaysOf(const Rule& rule);

  std::optional<uint32_t> RuleForQuestion(Transport transport,
                                          std::optional<Address> destination) const;
  std::optional<uint32_t> RuleForQuestion(Transport transport, const Address* destination) const;
  std::optional<uint32_t> RuleForQuestionAnywhere(Transport transport) const;
  std::optional<uint32_t> RuleForQuestionTo(Protocol protocol, const Address* destination) const;

  RuleList rules_;
  std::vector<Says> says_;  // by position: what the rule says of the names that match it
  // Positions of rules that spell an address or nothing: few among very many.
  std::vector<uint32_t> hostless_;
  PatternIndex hosts_;
  // Made when first asked for: few rules' ever are, and in a reader none.
  mutable std::vector<SharedText> host_texts_;
  PatternIndex rebind_ok_;
  bool intercept_any_ = false;
  std::vector<Address> intercept_;
  std::vector<Address> upstreams_;  // if questions may go out by what the rules say of them
  uint32_t closed_from_ = 0;        // Policy::closed_from
  // RuleForQuestion() by transport, where it is not known where the question was sent.
  std::array<std::optional<uint32_t>, 2> open_;
};

}  // namespace dnspin
