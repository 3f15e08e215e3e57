#include "resolver/teller.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "resolver/octets.h"
#include "resolver/service_binding.h"

namespace dnspin {
namespace {

constexpr size_t kStreamOctetsMax = 65535;

// What the kernel has. Records come in the order in which it was asked, mostly, and a client may
// ask all day for an answer of hundreds: only what comes out of order is searched for.
class Confirmed {
 public:
  explicit Confirmed(std::span<const Address> all) : all_(all) {}

  bool Holds(const Address& address) {
    if (next_ < all_.size() && all_[next_] == address) {
      ++next_;
      return true;
    }
    if (known_.empty()) {
      known_.insert(all_.begin(), all_.end());
    }
    return known_.contains(address);
  }

 private:
  std::span<const Address> all_;
  size_t next_ = 0;
  absl::flat_hash_set<Address> known_;
};

bool IsConfirmed(const Record& record, Confirmed& confirmed) {
  if (dns::IsServiceBinding(record.type)) {
    const auto holds = [&](const Address& address) { return confirmed.Holds(address); };
    const auto kept = Filtered(record.rdata, holds, BindingTerms::Ech::kKeep);
    return kept && record.rdata == *kept;
  }
  if (record.type != dns::kA && record.type != dns::kAaaa) {
    return true;
  }
  const auto address = Address::FromBytes(AsOctets(record.rdata));
  return address && confirmed.Holds(*address);
}

bool AreConfirmed(const std::vector<Record>& records, Confirmed& confirmed) {
  return std::all_of(records.begin(), records.end(),
                     [&](const Record& record) { return IsConfirmed(record, confirmed); });
}

// An answer that says just this need not be written anew.
bool Says(const HeldAnswer& held, const Reply& reply) {
  const auto* const answer = std::get_if<Answer>(&held.result);
  return answer != nullptr && !held.beside && !reply.ede && answer->rcode == reply.rcode &&
         answer->answer == reply.answer && answer->authority == reply.authority;
}

}  // namespace

void Teller::Tell(const Waiter& waiter, const Reply& reply, Standing standing,
                  std::span<const Address> confirmed) {
  Confirmed known(confirmed);
  if (standing == Standing::kPinned &&
      !(AreConfirmed(reply.answer, known) && AreConfirmed(reply.authority, known))) {
    ++counters_.answers_released_unpinned;
    Fail(waiter, dns::kEdeNotReady);
    return;
  }
  Send(waiter, reply);
}

void Teller::Refuse(const Waiter& waiter, uint16_t ede) {
  Send(waiter, {.rcode = dns::kRefused, .answer = {}, .authority = {}, .ede = ede});
}

void Teller::Fail(const Waiter& waiter, uint16_t ede) {
  Send(waiter, {.rcode = dns::kServFail, .answer = {}, .authority = {}, .ede = ede});
}

void Teller::Send(const Waiter& waiter, const Reply& reply) {
  if (reply.rcode == dns::kRefused || reply.ede == dns::kEdeFiltered) {
    firewall_.Report({reply.ede.value_or(dns::kEdeOther), waiter.question.asked});
  }
  if (waiter.brought != nullptr && Says(*waiter.brought, reply)) {
    sink_.Release(waiter.path, EndingOf(reply.rcode));
    return;
  }
  const size_t octets_max =
      waiter.path.transport == Transport::kTcp ? kStreamOctetsMax : waiter.question.udp_octets;
  sink_.Send(waiter.path, EncodeReply(waiter.question, reply, octets_max), EndingOf(reply.rcode));
}

}  // namespace dnspin
