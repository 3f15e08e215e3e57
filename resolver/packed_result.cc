#include "resolver/packed_result.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "pinning/check.h"
#include "resolver/octets.h"

namespace dnspin {
namespace {

constexpr uint32_t kFailure = 0x100;  // beside an RCODE
constexpr size_t kSharedMin = 3;      // octets; fewer are as well said again

// What of a text before it a text takes over: so many octets at its end, or all.
enum Shared : uint32_t { kNone, kEnd, kWhole };

// Texts that later ones may end like: the name asked for, other owners, and where aliases lead.
// Those that come first, since an answer goes from its question to its end.
class SeenTexts {
 public:
  static constexpr size_t kMax = 16;

  explicit SeenTexts(std::string_view first) { texts_.push_back(first); }

  void Add(std::string_view text) {
    if (texts_.size() < kMax) {
      texts_.push_back(text);
    }
  }
  size_t size() const { return texts_.size(); }
  std::string_view operator[](size_t number) const {
    DNSPIN_CHECK(number < texts_.size());
    return texts_[number];
  }

 private:
  std::vector<std::string_view> texts_;
};

size_t CommonEnd(std::string_view a, std::string_view b) {
  size_t octets = 0;
  while (octets < std::min(a.size(), b.size()) &&
         a[a.size() - octets - 1] == b[b.size() - octets - 1]) {
    ++octets;
  }
  return octets;
}

bool AreOneSet(const Record& a, const Record& b) {
  return a.type == b.type && a.klass == b.klass && a.ttl == b.ttl && a.owner == b.owner;
}

class Packer {
 public:
  explicit Packer(const Name& asked) : seen_(asked.Wire()) {}

  void Number(uint32_t number) {  // seven bits each, the lowest first
    for (; number >= 0x80; number >>= 7) {
      out_ += static_cast<char>(number | 0x80);
    }
    out_ += static_cast<char>(number);
  }

  void Section(const std::vector<Record>& records) {
    Number(static_cast<uint32_t>(records.size()));
    for (auto first = records.begin(); first != records.end();) {
      const auto end = std::find_if_not(
          first, records.end(), [&](const Record& record) { return AreOneSet(*first, record); });
      Set({first, end});
      first = end;
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  void Set(std::span<const Record> records) {
    const Record& first = records.front();
    Text(first.owner.Wire(), true);
    Number(static_cast<uint32_t>(first.type << 1 | (first.klass == dns::kIn ? 0 : 1)));
    if (first.klass != dns::kIn) {
      Number(first.klass);
    }
    Number(first.ttl);
    Number(static_cast<uint32_t>(records.size()));
    for (const Record& record : records) {
      Text(record.rdata, record.type == dns::kCname);
    }
  }

  // Its front, and the end that it shares with one before it.
  void Text(std::string_view text, bool is_name) {
    size_t shared = 0;
    size_t with = 0;
    for (size_t number = 0; number < seen_.size() && shared < text.size(); ++number) {
      const size_t common = CommonEnd(text, seen_[number]);
      if (common >= kSharedMin && common > shared) {
        shared = common;
        with = number;
      }
    }
    const size_t own = text.size() - shared;
    const bool whole = shared > 0 && own == 0 && shared == seen_[with].size();
    Number(static_cast<uint32_t>(own << 2 | (whole ? kWhole : shared > 0 ? kEnd : kNone)));
    out_ += text.substr(0, own);
    if (shared > 0) {
      Number(static_cast<uint32_t>(with));
    }
    if (shared > 0 && !whole) {
      Number(static_cast<uint32_t>(shared));
    }
    if (is_name && own > 0) {
      seen_.Add(text);
    }
  }

  std::string out_;
  SeenTexts seen_;
};

class Unpacker {
 public:
  Unpacker(std::string_view packed, const Name& asked)
      : reader_(AsOctets(packed)), asked_(asked), seen_(asked.Wire()) {}

  uint32_t Number() {
    uint32_t number = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const uint8_t octet = reader_.U8();
      number |= (octet & 0x7FU) << shift;
      if (octet < 0x80) {
        break;
      }
    }
    return number;
  }

  std::vector<Record> Section() {
    const uint32_t count = Number();
    std::vector<Record> records;
    records.reserve(count);
    while (records.size() < count) {
      Set(records);
      DNSPIN_CHECK(reader_.ok());
    }
    return records;
  }

  bool AtEnd() const { return reader_.AtEnd(); }

 private:
  void Set(std::vector<Record>& records) {
    Record record;
    record.owner = Owner();
    const uint32_t type = Number();
    record.type = static_cast<uint16_t>(type >> 1);
    record.klass = (type & 1) == 0 ? dns::kIn : static_cast<uint16_t>(Number());
    record.ttl = Number();
    for (uint32_t left = Number(); left > 0; --left) {
      record.rdata = SharedText(Text());
      records.push_back(record);
      if (record.type == dns::kCname && own_ > 0) {
        seen_.Add(record.rdata);
      }
    }
  }

  Name Owner() {
    const std::string_view text = Text();
    const auto name = text == asked_.Wire() ? asked_ : Name::FromWire(text);
    DNSPIN_CHECK(name);
    if (own_ > 0) {
      seen_.Add(name->Wire());
    }
    return *name;
  }

  // Until the next one is read.
  std::string_view Text() {
    const uint32_t head = Number();
    own_ = head >> 2;
    const std::string_view front = AsText(reader_.Take(own_));
    if ((head & 3) == kNone) {
      return front;
    }
    const std::string_view with = seen_[Number()];
    if ((head & 3) == kWhole) {
      return with;
    }
    const uint32_t shared = Number();
    DNSPIN_CHECK(reader_.ok() && shared <= with.size());
    text_.assign(front);
    return text_ += with.substr(with.size() - shared);
  }

  OctetReader reader_;
  const Name& asked_;
  SeenTexts seen_;  // each is held by a record that was made of it
  std::string text_;
  size_t own_ = 0;
};

}  // namespace

std::string Pack(const UpstreamResult& result, const Inquiry& inquiry) {
  Packer packer(inquiry.asked);
  if (const auto* const failure = std::get_if<UpstreamFailure>(&result)) {
    packer.Number(kFailure | static_cast<uint32_t>(*failure));
    return packer.Take();
  }
  const Answer& answer = std::get<Answer>(result);
  DNSPIN_CHECK(answer.asked == inquiry.asked && answer.type == inquiry.type);
  packer.Number(answer.rcode);
  packer.Section(answer.answer);
  packer.Section(answer.authority);
  return packer.Take();
}

UpstreamResult Unpack(std::string_view packed, const Inquiry& inquiry) {
  Unpacker unpacker(packed, inquiry.asked);
  const uint32_t kind = unpacker.Number();
  if ((kind & kFailure) != 0) {
    return static_cast<UpstreamFailure>(kind & ~kFailure);
  }
  Answer answer{static_cast<uint8_t>(kind), inquiry.asked, inquiry.type, {}, {}};
  answer.answer = unpacker.Section();
  answer.authority = unpacker.Section();
  DNSPIN_CHECK(unpacker.AtEnd());
  return answer;
}

}  // namespace dnspin
