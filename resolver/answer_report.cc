#include "resolver/answer_report.h"

#include <algorithm>

#include "resolver/octets.h"

namespace dnspin {
namespace {

// Records come along the chain: each owner but the first is what the one before it stands for.
void AddOwner(const Name& owner, AnswerReport& report, size_t& octets) {
  auto& chain = report.chain;
  if (owner == report.asked || std::find(chain.begin(), chain.end(), owner) != chain.end()) {
    return;
  }
  octets += owner.Wire().size();
  if (chain.size() < AnswerReport::kChainMax && octets <= AnswerReport::kChainOctetsMax) {
    chain.push_back(owner);
  }
}

}  // namespace

AnswerReport ReportOf(const Inquiry& inquiry, bool pinned, const ToldAnswer& told) {
  AnswerReport report;
  report.type = inquiry.type;
  report.rcode = told.reply.rcode;
  report.pinned = pinned;
  report.told_s = static_cast<uint32_t>(told.told.count());
  report.asked = inquiry.asked;
  size_t octets = 0;
  for (const Record& record : told.reply.answer) {
    if (record.type == dns::kRrsig) {
      continue;
    }
    AddOwner(record.owner, report, octets);
    const bool is_address = record.type == dns::kA || record.type == dns::kAaaa;
    const auto address = is_address ? Address::FromBytes(AsOctets(record.rdata)) : std::nullopt;
    if (address && report.addresses.size() < kAddressesPerRequest) {
      report.addresses.push_back(*address);
    }
  }
  return report;
}

}  // namespace dnspin
