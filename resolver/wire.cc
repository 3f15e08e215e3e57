#include "resolver/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "resolver/answer_layout.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"

// ldns.h makes macros of bool, true and false unless stdbool.h came first.
#include <stdbool.h>
// Last, for the same reason.
#include <ldns/ldns.h>

namespace dnspin {
namespace {

struct PacketFree {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, PacketFree>;

// We let the message through, and ldns read something else: a bug of one of us, and no answer.
absl::Status Disagreement(std::string_view what) {
  return absl::InternalError(fmt::format("ldns disagrees with the pre-validator: {}", what));
}

// What ldns gets to see: no additional section, so neither OPT nor TSIG; and the question in lower
// case, since names that are compressed against it would come out in our own random case (0x20).
std::string Excerpt(std::span<const uint8_t> message, const AnswerLayout& layout) {
  std::string excerpt(AsText(message.first(layout.additional_at)));
  excerpt[Header::kOctets - 2] = excerpt[Header::kOctets - 1] = '\0';  // ARCOUNT
  const auto asked = excerpt.begin() + Header::kOctets;
  // Length octets are at most 63, below every letter.
  std::transform(asked, asked + static_cast<std::ptrdiff_t>(layout.asked.size()), asked,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return excerpt;
}

std::optional<std::string> RdataOf(const ldns_rr& rr) {
  std::string rdata;
  for (size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    const ldns_rdf* field = ldns_rr_rdf(&rr, i);
    if (field == nullptr || ldns_rdf_data(field) == nullptr) {
      return std::nullopt;
    }
    rdata += AsText({ldns_rdf_data(field), ldns_rdf_size(field)});
  }
  return rdata;
}

std::optional<Record> RecordOf(const ldns_rr& rr) {
  const ldns_rdf* owner = ldns_rr_owner(&rr);
  if (owner == nullptr || ldns_rdf_data(owner) == nullptr) {
    return std::nullopt;
  }
  const auto name = Name::FromWire(std::span(ldns_rdf_data(owner), ldns_rdf_size(owner)));
  auto rdata = RdataOf(rr);
  if (!name || !rdata) {
    return std::nullopt;
  }
  return Record{.owner = *name,
                .type = static_cast<uint16_t>(ldns_rr_get_type(&rr)),
                .klass = static_cast<uint16_t>(ldns_rr_get_class(&rr)),
                .ttl = ldns_rr_ttl(&rr),
                .rdata = std::move(*rdata)};
}

bool Agree(const Record& record, const RecordPlace& place) {
  return record.type == place.type && record.klass == place.klass && record.ttl == place.ttl &&
         record.rdata.size() == place.plain_octets &&
         (place.names || record.rdata == AsText(place.rdata));
}

absl::StatusOr<std::vector<Record>> RecordsOf(const ldns_rr_list* list,
                                              const std::vector<RecordPlace>& places) {
  if (list == nullptr || ldns_rr_list_rr_count(list) != places.size()) {
    return Disagreement("number of records");
  }
  std::vector<Record> records;
  records.reserve(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(list, i);
    auto record = rr == nullptr ? std::nullopt : RecordOf(*rr);
    if (!record || !Agree(*record, places[i])) {
      return Disagreement(fmt::format("record {} of type {}", i + 1, places[i].type));
    }
    record->ttl = LowerTtl(record->ttl);
    records.push_back(std::move(*record));
  }
  return records;
}

bool IsAuthentic(std::span<const uint8_t> message) {
  OctetReader reader(message);
  return ReadHeader(reader).Has(Header::kAuthentic);
}

bool LowersTtl(const std::vector<RecordPlace>& places) {
  return std::any_of(places.begin(), places.end(),
                     [](const RecordPlace& place) { return LowerTtl(place.ttl) != place.ttl; });
}

}  // namespace

std::optional<ReplyHeader> ReadReplyHeader(std::span<const uint8_t> message) {
  OctetReader reader(message);
  const Header header = ReadHeader(reader);
  if (!reader.ok() || !header.Has(Header::kReply) || header.Has(Header::kOpcode) ||
      header.questions != 1) {
    return std::nullopt;
  }
  const size_t octets = PassName(reader, Pointers::kRefused);
  if (octets == 0) {
    return std::nullopt;
  }
  ReplyHeader reply;
  reply.id = header.id;
  reply.truncated = header.Has(Header::kTruncated);
  reply.asked_wire = AsText(message.subspan(Header::kOctets, octets));
  reply.type = reader.U16();
  reply.recursion_desired = header.Has(Header::kRecursionDesired);
  reply.checking_disabled = header.Has(Header::kCheckingDisabled);
  return reader.U16() == dns::kIn ? std::optional(std::move(reply)) : std::nullopt;
}

absl::StatusOr<Answer> ReadAnswer(std::span<const uint8_t> message) {
  auto passing = ReadPassingAnswer(message);
  return passing.ok() ? absl::StatusOr<Answer>(std::move(passing->answer)) : passing.status();
}

absl::StatusOr<PassingAnswer> ReadPassingAnswer(std::span<const uint8_t> message) {
  const auto layout = LayOut(message);
  if (!layout.ok()) {
    return layout.status();
  }
  if (layout->rcode > Header::kRcode) {
    return absl::InvalidArgumentError(fmt::format("extended RCODE {}", layout->rcode));
  }
  const std::string excerpt = Excerpt(message, *layout);
  ldns_pkt* raw = nullptr;
  const ldns_status status = ldns_wire2pkt(&raw, AsOctets(excerpt).data(), excerpt.size());
  if (status != LDNS_STATUS_OK) {  // ldns has freed what it made
    return Disagreement(ldns_get_errorstr_by_id(status));
  }
  const Packet packet(raw);
  auto answer = RecordsOf(ldns_pkt_answer(packet.get()), layout->answer);
  auto authority = RecordsOf(ldns_pkt_authority(packet.get()), layout->authority);
  if (!answer.ok() || !authority.ok()) {
    return answer.ok() ? authority.status() : answer.status();
  }
  return PassingAnswer{.answer = {.rcode = static_cast<uint8_t>(layout->rcode),
                                  .asked = *Name::FromWire(layout->asked),
                                  .type = layout->type,
                                  .answer = std::move(*answer),
                                  .authority = std::move(*authority)},
                       .edns = layout->edns,
                       .dnssec_ok = layout->dnssec_ok,
                       .beside = layout->beside != 0 || layout->options || IsAuthentic(message) ||
                                 LowersTtl(layout->answer) || LowersTtl(layout->authority)};
}

}  // namespace dnspin
