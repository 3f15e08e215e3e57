#include "resolver/question.h"

#include <algorithm>
#include <optional>

#include "pinning/answer.h"
#include "resolver/edns.h"
#include "resolver/header.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr uint16_t kUdpOctetsMin = 512;
constexpr uint8_t kBadVersion = 16;  // BADVERS, the first of the extended ones

// Types that are no data (RFC 6895 3.1): transfers and other acts that we do not do. ANY is data
// here: the forwarder answers it (RFC 8482).
bool IsMetaType(uint16_t type) {
  return type == 0 || type == dns::kOpt || (type >= 128 && type < dns::kAny);
}

struct Asked {
  std::span<const uint8_t> section;  // the question as it came, to be echoed
  std::span<const uint8_t> name;
  uint16_t type = 0;
  uint16_t klass = 0;
};

std::optional<Asked> ReadAsked(std::span<const uint8_t> packet, OctetReader& reader) {
  const size_t begin = reader.at();
  const size_t name_octets = PassName(reader, Pointers::kRefused);
  if (name_octets == 0) {
    return std::nullopt;
  }
  Asked asked;
  asked.name = packet.subspan(begin, name_octets);
  asked.type = reader.U16();
  asked.klass = reader.U16();
  if (!reader.ok()) {
    return std::nullopt;
  }
  asked.section = packet.subspan(begin, reader.at() - begin);
  return asked;
}

// The additional section of a question: empty or one OPT, and nothing behind it. False if it is
// anything else; a signature (TSIG, SIG(0)) that we could not honour is a format error too.
bool ReadEdns(OctetReader& reader, uint16_t records, std::optional<Opt>& opt) {
  if (records > 1) {
    return false;
  }
  if (records == 1) {
    const uint8_t owner = reader.U8();
    const uint16_t type = reader.U16();
    const uint16_t klass = reader.U16();
    const uint32_t ttl = reader.U32();
    opt = ReadOpt(klass, ttl, reader.Take(reader.U16()));
    if (owner != 0 || type != dns::kOpt || !opt) {
      return false;
    }
  }
  return reader.AtEnd();
}

EarlyReply Early(const Header& question, uint16_t rcode, std::span<const uint8_t> section = {},
                 const std::optional<Opt>& opt = std::nullopt,
                 std::optional<uint16_t> ede = std::nullopt) {
  Header header;
  header.id = question.id;
  header.flags = static_cast<uint16_t>(Header::kReply | (question.flags & Header::kOpcode) |
                                       (rcode & Header::kRcode));
  if (!question.Has(Header::kOpcode)) {  // the other opcodes give these bits no meaning
    header.flags |= static_cast<uint16_t>(
        Header::kRecursionAvailable |
        (question.flags & (Header::kRecursionDesired | Header::kCheckingDisabled)));
  }
  header.questions = section.empty() ? 0 : 1;
  header.additionals = opt ? 1 : 0;
  EarlyReply reply;
  reply.rcode = rcode;
  AppendHeader(reply.bytes, header);
  reply.bytes += AsText(section);
  if (opt) {
    Opt ours;
    ours.extended_rcode = static_cast<uint8_t>(rcode >> 4);
    ours.dnssec_ok = opt->dnssec_ok;
    reply.bytes += EncodeOpt(ours, ede);
  }
  return reply;
}

}  // namespace

QuestionResult ReadQuestion(std::span<const uint8_t> packet) {
  OctetReader reader(packet);
  const Header header = ReadHeader(reader);
  if (!reader.ok() || header.Has(Header::kReply)) {
    return IgnoredPacket{};
  }
  if (header.Has(Header::kOpcode)) {
    return Early(header, dns::kNotImp);
  }
  if (header.questions != 1) {
    return Early(header, dns::kFormErr);
  }
  const auto asked = ReadAsked(packet, reader);
  if (!asked) {
    return Early(header, dns::kFormErr);
  }
  std::optional<Opt> opt;
  if (header.answers != 0 || header.authorities != 0 ||
      !ReadEdns(reader, header.additionals, opt)) {
    return Early(header, dns::kFormErr, asked->section);
  }
  if (opt && opt->version != 0) {
    return Early(header, kBadVersion, asked->section, opt);
  }
  if (asked->klass != dns::kIn || IsMetaType(asked->type)) {
    return Early(header, dns::kRefused, asked->section, opt, dns::kEdeNotSupported);
  }
  Question question;
  question.id = header.id;
  question.recursion_desired = header.Has(Header::kRecursionDesired);
  question.checking_disabled = header.Has(Header::kCheckingDisabled);
  question.asked_wire = AsText(asked->name);
  question.asked = *Name::FromWire(asked->name);
  question.type = asked->type;
  if (opt) {
    question.edns = true;
    question.udp_octets = std::clamp(opt->udp_octets, kUdpOctetsMin, kUdpOctets);
    question.dnssec_ok = opt->dnssec_ok;
  }
  return question;
}

}  // namespace dnspin
