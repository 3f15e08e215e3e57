#include "resolver/teller.h"

#include <algorithm>

#include "resolver/octets.h"
#include "resolver/service_binding.h"

namespace dnspin {
namespace {

constexpr size_t kStreamOctetsMax = 65535;

bool IsConfirmed(const Record& record, std::span<const Address> confirmed) {
  const auto holds = [&](const Address& address) {
    return std::find(confirmed.begin(), confirmed.end(), address) != confirmed.end();
  };
  if (dns::IsServiceBinding(record.type)) {
    return Filtered(record.rdata, holds, BindingTerms::Ech::kKeep) == record.rdata;
  }
  if (record.type != dns::kA && record.type != dns::kAaaa) {
    return true;
  }
  const auto address = Address::FromBytes(AsOctets(record.rdata));
  return address && holds(*address);
}

bool AreConfirmed(const std::vector<Record>& records, std::span<const Address> confirmed) {
  return std::all_of(records.begin(), records.end(),
                     [&](const Record& record) { return IsConfirmed(record, confirmed); });
}

}  // namespace

void Teller::Tell(const Waiter& waiter, const Reply& reply, Standing standing,
                  std::span<const Address> confirmed) {
  if (standing == Standing::kPinned &&
      !(AreConfirmed(reply.answer, confirmed) && AreConfirmed(reply.authority, confirmed))) {
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
  const size_t octets_max =
      waiter.path.transport == Transport::kTcp ? kStreamOctetsMax : waiter.question.udp_octets;
  sink_.Send(waiter.path, EncodeReply(waiter.question, reply, octets_max), EndingOf(reply.rcode));
}

}  // namespace dnspin
