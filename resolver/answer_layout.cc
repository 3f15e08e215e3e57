#include "resolver/answer_layout.h"

#include <fmt/format.h>

#include <optional>

#include "pinning/answer.h"
#include "resolver/edns.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"
#include "resolver/rdata_shape.h"
#include "resolver/wire.h"

namespace dnspin {
namespace {

constexpr size_t kMessageOctetsMax = 65535;
constexpr size_t kAnswersMax = 256;
constexpr size_t kRecordsMax = 512;
// ldns allocates a whole RDLENGTH for each string of a TXT: what it may take for all of them.
constexpr size_t kStringOctetsMax = size_t{2} << 20;
constexpr size_t kStringOverhead = 64;
// Each costs ldns a copy of what it leads to. The most records that are taken, of three names each,
// need a few each.
constexpr size_t kHopsMax = 16384;

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

// TSIG, TKEY, the question types and the reserved zero are no data (RFC 6895 3.1).
bool IsMetaType(uint16_t type) { return type == 0 || (type >= 128 && type <= dns::kAny); }

class Surveyor {
 public:
  explicit Surveyor(std::span<const uint8_t> message) : message_(message), reader_(message) {}

  absl::StatusOr<AnswerLayout> Survey() {
    if (message_.size() > kMessageOctetsMax) {
      return Malformed("longer than a message can be");
    }
    const Header header = ReadHeader(reader_);
    if (absl::Status status = PassQuestion(header); !status.ok()) {
      return status;
    }
    const size_t total = size_t{header.answers} + header.authorities + header.additionals;
    if (header.answers > kAnswersMax || total > kRecordsMax) {
      return Malformed("too many records");
    }
    layout_.rcode = header.flags & Header::kRcode;
    if (absl::Status status = PassRecords(header); !status.ok()) {
      return status;
    }
    if (!reader_.AtEnd()) {
      return Malformed("octets behind the last record");
    }
    return std::move(layout_);
  }

 private:
  absl::Status PassQuestion(const Header& header) {
    if (!reader_.ok() || !header.Has(Header::kReply) || header.Has(Header::kOpcode)) {
      return Malformed("not a reply");
    }
    if (header.questions != 1) {
      return Malformed("not one question");
    }
    const size_t octets = PassName(reader_, Pointers::kRefused);
    if (octets == 0) {
      return Malformed("question is not a name");
    }
    layout_.asked = message_.subspan(Header::kOctets, octets);
    layout_.type = reader_.U16();
    if (reader_.U16() != dns::kIn) {
      return Malformed("question is cut short or not of class IN");
    }
    return absl::OkStatus();
  }

  absl::Status PassRecords(const Header& header) {
    const size_t authority_from = header.answers;
    const size_t additional_from = authority_from + header.authorities;
    const size_t end = additional_from + header.additionals;
    for (size_t number = 0; number < end; ++number) {
      if (number == additional_from) {
        layout_.additional_at = reader_.at();
      }
      const bool additional = number >= additional_from;
      RecordPlace place;
      if (const std::string_view wrong = PassRecord(additional, place); !wrong.empty()) {
        return Malformed(fmt::format("record {} (type {}): {}", number + 1, place.type, wrong));
      }
      if (additional) {
        layout_.beside += place.type == dns::kOpt ? 0 : 1;
      } else {
        (number < authority_from ? layout_.answer : layout_.authority).push_back(place);
      }
    }
    if (header.additionals == 0) {
      layout_.additional_at = reader_.at();
    }
    return absl::OkStatus();
  }

  // Empty if the record is sound; else what is wrong with it.
  std::string_view PassRecord(bool additional, RecordPlace& place) {
    const size_t owner_at = reader_.at();
    if (PassName(reader_, Pointers::kBackward, &hops_) == 0) {
      return "owner is not a name";
    }
    const size_t owner_octets = reader_.at() - owner_at;
    place.type = reader_.U16();
    place.klass = reader_.U16();
    place.ttl = reader_.U32();
    const uint16_t rdata_octets = reader_.U16();
    const size_t rdata_at = reader_.at();
    place.rdata = reader_.Take(rdata_octets);
    if (!reader_.ok()) {
      return "cut short";
    }
    if (place.type == dns::kOpt) {
      return PassOpt(additional, owner_octets, place);
    }
    if (IsMetaType(place.type)) {
      return "not a type of data";
    }
    const auto measure = MeasureRdata(message_.first(reader_.at()), rdata_at, place.type);
    if (!measure) {
      return "RDLENGTH is not where its fields end";
    }
    string_octets_ += measure->strings * (rdata_octets + kStringOverhead);
    if (string_octets_ > kStringOctetsMax) {
      return "too many strings";
    }
    hops_ += measure->hops;
    if (hops_ > kHopsMax) {
      return "too many pointers";
    }
    place.plain_octets = measure->plain_octets;
    place.names = measure->names;
    return "";
  }

  std::string_view PassOpt(bool additional, size_t owner_octets, const RecordPlace& place) {
    const auto opt = ReadOpt(place.klass, place.ttl, place.rdata);
    if (!additional || layout_.edns || owner_octets != 1 || !opt) {
      return "OPT is misplaced, repeated or malformed";
    }
    layout_.edns = true;
    layout_.dnssec_ok = opt->dnssec_ok;
    layout_.options = !place.rdata.empty();
    layout_.rcode |= static_cast<uint16_t>(opt->extended_rcode << 4);
    return "";
  }

  std::span<const uint8_t> message_;
  OctetReader reader_;
  AnswerLayout layout_;
  size_t string_octets_ = 0;
  size_t hops_ = 0;
};

}  // namespace

absl::StatusOr<AnswerLayout> LayOut(std::span<const uint8_t> message) {
  return Surveyor(message).Survey();
}

absl::Status CheckAnswer(std::span<const uint8_t> message) { return LayOut(message).status(); }

}  // namespace dnspin
