#include "tests/spoofer/forgery.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dnspin::spoofer {
namespace {

constexpr uint8_t kUdp = 17;
constexpr uint8_t kIcmp = 1;
constexpr uint16_t kDns = 53;
constexpr size_t kIpOctets = 20;
constexpr size_t kUdpOctets = 8;
constexpr size_t kDnsOctets = 12;
constexpr size_t kPiece = 40;  // of the first of two fragments; a multiple of 8
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kAnswerFlags = 0x8180;

constexpr std::array<std::pair<std::string_view, Mode>, 15> kModes{{
    {"id", Mode::kId},
    {"port", Mode::kPort},
    {"case", Mode::kCase},
    {"name", Mode::kName},
    {"type", Mode::kType},
    {"class", Mode::kClass},
    {"source", Mode::kSource},
    {"source-port", Mode::kSourcePort},
    {"query", Mode::kQuery},
    {"no-question", Mode::kNobody},
    {"fragments", Mode::kFragments},
    {"late", Mode::kLate},
    {"icmp", Mode::kIcmp},
    {"blind", Mode::kBlind},
    {"on-path", Mode::kOnPath},
}};

void Put16(std::string& out, uint32_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number);
}
void Put32(std::string& out, uint32_t number) {
  Put16(out, number >> 16);
  Put16(out, number & 0xFFFF);
}
uint32_t Get16(std::span<const uint8_t> from, size_t at) {
  return static_cast<uint32_t>(from[at]) << 8 | from[at + 1];
}
uint32_t Get32(std::span<const uint8_t> from, size_t at) {
  return Get16(from, at) << 16 | Get16(from, at + 2);
}

uint16_t ChecksumOf(std::string_view octets) {
  uint32_t sum = 0;
  for (size_t i = 0; i < octets.size(); ++i) {
    const auto octet = static_cast<uint8_t>(octets[i]);
    sum += i % 2 == 0 ? static_cast<uint32_t>(octet) << 8 : octet;
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

struct IpHeader {
  uint32_t source;
  uint32_t destination;
  uint8_t protocol;
  uint16_t number = 0;  // 0: the kernel chooses
  uint16_t fragment = 0;
};

// The kernel puts in length and checksum.
std::string Packet(const IpHeader& header, std::string_view payload) {
  std::string packet;
  Put16(packet, 0x4500);
  Put16(packet, static_cast<uint32_t>(kIpOctets + payload.size()));
  Put16(packet, header.number);
  Put16(packet, header.fragment);
  packet += static_cast<char>(kForgedTtl);
  packet += static_cast<char>(header.protocol);
  Put16(packet, 0);
  Put32(packet, header.source);
  Put32(packet, header.destination);
  packet += payload;
  return packet;
}

// Without a checksum, which IPv4 allows.
std::string Datagram(uint16_t from, uint16_t to, std::string_view payload) {
  std::string datagram;
  Put16(datagram, from);
  Put16(datagram, to);
  Put16(datagram, static_cast<uint32_t>(kUdpOctets + payload.size()));
  Put16(datagram, 0);
  datagram += payload;
  return datagram;
}

size_t NameOctets(std::span<const uint8_t> message, size_t at) {
  size_t end = at;
  while (end < message.size() && message[end] != 0) {
    end += size_t{message[end]} + 1;
  }
  return end + 1 - at;
}

std::optional<Seen> Read(std::span<const uint8_t> packet, bool answer) {
  if (packet.size() < kIpOctets + kUdpOctets + kDnsOctets + 5 || packet[0] >> 4 != 4 ||
      packet[9] != kUdp) {
    return std::nullopt;
  }
  const size_t udp = size_t{4} * (packet[0] & 15);
  const auto message = packet.subspan(std::min(udp + kUdpOctets, packet.size()));
  if (message.size() < kDnsOctets + 5 || Get16(packet, udp + (answer ? 0 : 2)) != kDns ||
      (message[2] >> 7 != 0) != answer) {
    return std::nullopt;
  }
  const size_t octets = NameOctets(message, kDnsOctets) + 4;
  if (message.size() < kDnsOctets + octets) {
    return std::nullopt;
  }
  Seen seen;
  seen.client = Get32(packet, answer ? 16 : 12);
  seen.server = Get32(packet, answer ? 12 : 16);
  seen.port = static_cast<uint16_t>(Get16(packet, udp + (answer ? 2 : 0)));
  seen.id = static_cast<uint16_t>(Get16(message, 0));
  const auto question = message.subspan(kDnsOctets, octets);
  seen.question.assign(question.begin(), question.end());
  return seen;
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Each letter's case by chance; never as it was, if there is a letter.
void Respell(std::string& question, Random& random) {
  const std::string before = question;
  const size_t name = question.size() - 4;
  const bool can =
      std::any_of(before.begin(), before.begin() + static_cast<ptrdiff_t>(name), IsLetter);
  do {
    for (size_t i = 0; i < name; ++i) {
      if (IsLetter(question[i]) && (random() & 1) != 0) {
        question[i] = static_cast<char>(question[i] ^ 0x20);
      }
    }
  } while (can && question == before);
}

template <typename Number>
Number Another(Number than, Random& random) {
  return static_cast<Number>(than + 1 + random() % 65535);
}

// What was seen, as the forger claims it to be.
struct Claim {
  Seen seen;
  uint16_t server_port = kDns;
  uint16_t flags = kAnswerFlags;
  bool has_question = true;
};

Claim ClaimOf(Mode mode, Seen seen, Random& random) {
  Claim claim;
  std::string& question = seen.question;
  switch (mode) {
    case Mode::kId:
      seen.id = Another(seen.id, random);
      break;
    case Mode::kPort:
      seen.port = Another(seen.port, random);
      break;
    case Mode::kCase:
      Respell(question, random);
      break;
    case Mode::kName:
      question[1] = question[1] == 'x' ? 'y' : 'x';
      break;
    case Mode::kType:
      question[question.size() - 3] = 16;
      break;
    case Mode::kClass:
      question.back() = 3;
      break;
    case Mode::kSource:
      seen.server += 1 + static_cast<uint32_t>(random() % 100);
      break;
    case Mode::kSourcePort:
      claim.server_port = Another(kDns, random);
      break;
    case Mode::kQuery:
      claim.flags = 0x0100;
      break;
    case Mode::kNobody:
      claim.has_question = false;
      break;
    case Mode::kBlind:
      seen.id = static_cast<uint16_t>(random());
      seen.port = static_cast<uint16_t>(1024 + random() % (65536 - 1024));
      Respell(question, random);
      break;
    case Mode::kFragments:
    case Mode::kLate:
    case Mode::kIcmp:
    case Mode::kOnPath:
      break;
  }
  claim.seen = std::move(seen);
  return claim;
}

std::string AnswerOf(const Claim& claim, uint32_t address) {
  std::string message;
  Put16(message, claim.seen.id);
  Put16(message, claim.flags);
  for (const uint32_t count : {claim.has_question ? 1U : 0U, 1U, 0U, 0U}) {
    Put16(message, count);
  }
  const std::string& question = claim.seen.question;
  message += claim.has_question ? question : "";
  message.append(question, 0, question.size() - 4);  // the owner
  Put16(message, 1);
  Put16(message, 1);
  Put32(message, 60);
  Put16(message, 4);
  Put32(message, address);
  return message;
}

// "Nobody is there", of many kinds, with the head of the question's own packet.
std::string Unreachable(const Seen& seen, Random& random) {
  constexpr std::array<char, 7> kCodes = {0, 1, 2, 3, 9, 10, 13};
  const std::string asked =
      Packet({seen.client, seen.server, kUdp}, Datagram(seen.port, kDns, std::string(30, 'x')));
  std::string message{3, kCodes[random() % kCodes.size()], 0, 0, 0, 0, 0, 0};
  message += asked.substr(0, kIpOctets + kUdpOctets);
  const uint16_t sum = ChecksumOf(message);
  message[2] = static_cast<char>(sum >> 8);
  message[3] = static_cast<char>(sum);
  return Packet({seen.server, seen.client, kIcmp}, message);
}

}  // namespace

std::optional<Mode> ModeOf(std::string_view name) {
  const auto found = std::find_if(kModes.begin(), kModes.end(),
                                  [&](const auto& mode) { return mode.first == name; });
  return found == kModes.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Seen> ReadQuestion(std::span<const uint8_t> packet) { return Read(packet, false); }
std::optional<Seen> ReadAnswer(std::span<const uint8_t> packet) { return Read(packet, true); }

std::vector<std::string> Forge(Mode mode, const Seen& seen, uint32_t address, Random& random) {
  if (mode == Mode::kIcmp) {
    return {Unreachable(seen, random)};
  }
  const Claim claim = ClaimOf(mode, seen, random);
  const std::string datagram =
      Datagram(claim.server_port, claim.seen.port, AnswerOf(claim, address));
  IpHeader header{claim.seen.server, claim.seen.client, kUdp};
  if (mode != Mode::kFragments) {
    return {Packet(header, datagram)};
  }
  header.number = static_cast<uint16_t>(1 + random() % 65535);
  IpHeader rest = header;
  header.fragment = kMoreFragments;
  rest.fragment = kPiece / 8;
  return {Packet(header, datagram.substr(0, kPiece)), Packet(rest, datagram.substr(kPiece))};
}

}  // namespace dnspin::spoofer
