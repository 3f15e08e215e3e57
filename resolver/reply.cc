#include "resolver/reply.h"

#include "absl/container/flat_hash_map.h"
#include "pinning/check.h"
#include "resolver/edns.h"
#include "resolver/header.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr size_t kPointerTargetMax = 0x3FFF;
constexpr size_t kRdataOctetsMax = 0xFFFF;
constexpr size_t kUsualOctets = 256;  // of a message

void AppendQuestion(std::string& out, std::string_view asked_wire, uint16_t type) {
  out += asked_wire;
  AppendU16(out, type);
  AppendU16(out, dns::kIn);
}

// Appends records, owners compressed against every owner and question before them. Names inside
// RDATA stay whole: clients need no compression there, and RFC 3597 forbids it for most types.
class RecordWriter {
 public:
  // `asked` is in `out` already, right behind the header, and outlives the writer.
  RecordWriter(std::string& out, size_t octets_max, const Name& asked)
      : out_(out), octets_max_(octets_max), asked_(asked) {}

  bool Add(const std::vector<Record>& records) {
    for (const Record& record : records) {
      AppendOwner(record.owner);
      AppendU16(out_, record.type);
      AppendU16(out_, record.klass);
      AppendU32(out_, record.ttl);
      AppendU16(out_, record.rdata.size());
      out_ += record.rdata;
      if (record.rdata.size() > kRdataOctetsMax || out_.size() > octets_max_) {
        return false;
      }
    }
    return true;
  }

 private:
  void AppendOwner(const Name& owner) {
    if (owner == asked_ && !owner.IsRoot()) {
      AppendU16(out_, 0xC000U | Header::kOctets);
      return;
    }
    if (offsets_.empty()) {
      Remember(asked_.Wire(), Header::kOctets);
    }
    const std::string_view wire = owner.Wire();
    size_t at = 0;
    auto known = offsets_.end();
    while (wire[at] != 0 && (known = offsets_.find(wire.substr(at))) == offsets_.end()) {
      at += 1U + static_cast<uint8_t>(wire[at]);
    }
    const size_t begin = out_.size();
    out_ += wire.substr(0, at);
    if (wire[at] == 0) {
      out_ += '\0';
    } else {
      AppendU16(out_, 0xC000U | known->second);
    }
    Remember(wire.substr(0, at), begin, wire);
  }

  // Every suffix of `whole` that begins inside `labels`, which lie at `begin` in the message.
  void Remember(std::string_view labels, size_t begin, std::string_view whole) {
    for (size_t at = 0; at < labels.size() && whole[at] != 0 && begin + at <= kPointerTargetMax;
         at += 1U + static_cast<uint8_t>(whole[at])) {
      offsets_.try_emplace(whole.substr(at), begin + at);
    }
  }
  void Remember(std::string_view whole, size_t begin) { Remember(whole, begin, whole); }

  std::string& out_;
  size_t octets_max_;
  const Name& asked_;
  // Suffixes, lower case, never the root; empty as long as all owners are the name asked for.
  absl::flat_hash_map<std::string_view, size_t> offsets_;
};

}  // namespace

std::string EncodeReply(const Question& question, const Reply& reply, size_t octets_max) {
  DNSPIN_CHECK(octets_max >= 512);  // room for any question with its OPT
  DNSPIN_CHECK(question.asked_wire.size() == question.asked.Wire().size());
  DNSPIN_CHECK(reply.rcode <= Header::kRcode);
  Opt ours;
  ours.dnssec_ok = question.dnssec_ok;
  const std::string opt = question.edns ? EncodeOpt(ours, reply.ede) : "";

  std::string out;
  out.reserve(kUsualOctets);
  out.resize(Header::kOctets);
  AppendQuestion(out, question.asked_wire, question.type);
  const size_t empty_octets = out.size();
  RecordWriter writer(out, octets_max - opt.size(), question.asked);
  const bool fits = !reply.truncated && writer.Add(reply.answer) && writer.Add(reply.authority);
  if (!fits) {
    out.resize(empty_octets);
  }

  Header header;
  header.id = question.id;
  header.flags =
      static_cast<uint16_t>(Header::kReply | Header::kRecursionAvailable | reply.rcode |
                            (question.recursion_desired ? Header::kRecursionDesired : 0) |
                            (question.checking_disabled ? Header::kCheckingDisabled : 0) |
                            (fits ? 0 : Header::kTruncated));
  header.questions = 1;
  header.answers = fits ? static_cast<uint16_t>(reply.answer.size()) : 0;
  header.authorities = fits ? static_cast<uint16_t>(reply.authority.size()) : 0;
  header.additionals = question.edns ? 1 : 0;
  std::string front;
  AppendHeader(front, header);
  out.replace(0, front.size(), front);
  return out += opt;
}

std::string EncodeUpstreamQuestion(uint16_t id, std::string_view asked_wire, uint16_t type,
                                   bool dnssec_ok, bool checking_disabled, bool edns) {
  Header header;
  header.id = id;
  header.flags = static_cast<uint16_t>(Header::kRecursionDesired |
                                       (checking_disabled ? Header::kCheckingDisabled : 0));
  header.questions = 1;
  header.additionals = edns ? 1 : 0;
  Opt opt;
  opt.dnssec_ok = dnssec_ok;
  std::string out;
  out.reserve(kUsualOctets);
  AppendHeader(out, header);
  AppendQuestion(out, asked_wire, type);
  return edns ? out += EncodeOpt(opt) : out;
}

}  // namespace dnspin
