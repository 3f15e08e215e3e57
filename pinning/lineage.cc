#include "pinning/lineage.h"

#include <algorithm>
#include <span>

namespace dnspin {
namespace {

std::optional<Name> AliasTarget(const Record& record) { return Name::FromWire(record.rdata); }

// `name` with its suffix `from` replaced by `to` (RFC 6672 2.2); nothing if it does not fit.
std::optional<Name> Substituted(const Name& name, const Name& from, const Name& to) {
  const std::string_view wire = name.Wire();
  std::string text(wire.substr(0, wire.size() - from.Wire().size()));
  text += to.Wire();
  return Name::FromWire(text);
}

// The alias at `name`, as often as the answer says it.
std::vector<const Record*> AliasesAt(const Answer& answer, const Name& name) {
  std::vector<const Record*> aliases;
  for (const Record& record : answer.answer) {
    if (record.klass == dns::kIn && record.type == dns::kCname && record.owner == name) {
      aliases.push_back(&record);
    }
  }
  return aliases;
}

// The DNAME that the alias at `name` was made from, if the answer holds one. False if they
// disagree.
bool KeepDname(const Answer& answer, const Name& name, const Name& target, Lineage& lineage) {
  for (const Record& record : answer.answer) {
    if (record.klass != dns::kIn || record.type != dns::kDname || !name.IsBelow(record.owner)) {
      continue;
    }
    const auto to = AliasTarget(record);
    if (!to || Substituted(name, record.owner, *to) != target) {
      return false;
    }
    lineage.records.push_back(record);
  }
  return true;
}

std::optional<LineageError> FollowAliases(const Answer& answer, Lineage& lineage) {
  lineage.names.push_back(answer.asked);
  if (answer.type == dns::kCname || answer.type == dns::kAny) {
    return std::nullopt;
  }
  for (;;) {
    const Name current = lineage.names.back();
    const auto aliases = AliasesAt(answer, current);
    if (aliases.empty()) {
      return std::nullopt;
    }
    const auto target = AliasTarget(*aliases.front());
    if (std::any_of(aliases.begin(), aliases.end(),
                    [&](const Record* alias) { return AliasTarget(*alias) != target; })) {
      return LineageError::kTwoAliases;
    }
    if (!target || !KeepDname(answer, current, *target, lineage)) {
      return LineageError::kBadAlias;
    }
    if (std::find(lineage.names.begin(), lineage.names.end(), *target) != lineage.names.end()) {
      return LineageError::kLoop;
    }
    if (lineage.names.size() > kLineageLinksMax) {
      return LineageError::kTooLong;
    }
    for (const Record* alias : aliases) {
      lineage.records.push_back(*alias);
    }
    lineage.names.push_back(*target);
  }
}

// An address record of another length says nothing that could be pinned, so it is not told either.
bool HasItsLength(const Record& record) {
  return (record.type != dns::kA || record.rdata.size() == 4) &&
         (record.type != dns::kAaaa || record.rdata.size() == 16);
}

void AddEnd(const Answer& answer, Lineage& lineage) {
  if (answer.rcode != dns::kNoError) {
    return;  // whatever it brings along, it says that there is nothing
  }
  const Name& end = lineage.names.back();
  for (const Record& record : answer.answer) {
    if (record.klass == dns::kIn && record.type == answer.type && record.owner == end &&
        HasItsLength(record)) {
      lineage.records.push_back(record);
    }
  }
}

void AddAddresses(const Answer& answer, Lineage& lineage) {
  if (answer.type != dns::kA && answer.type != dns::kAaaa) {
    return;
  }
  for (const Record& record : lineage.records) {
    if (record.type != answer.type) {
      continue;
    }
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(record.rdata.c_str()),
                                         record.rdata.size());
    const Address address = *Address::FromBytes(bytes);
    if (std::find(lineage.addresses.begin(), lineage.addresses.end(), address) ==
        lineage.addresses.end()) {
      lineage.addresses.push_back(address);
    }
  }
}

// The same record twice is told once (its smaller TTL counts).
void DropRepeats(std::vector<Record>& records) {
  std::vector<Record> once;
  for (Record& record : records) {
    const auto same = std::find_if(once.begin(), once.end(), [&](const Record& other) {
      return other.owner == record.owner && other.type == record.type &&
             other.rdata == record.rdata;
    });
    if (same == once.end()) {
      once.push_back(std::move(record));
    } else {
      same->ttl = std::min(LowerTtl(same->ttl), LowerTtl(record.ttl));
    }
  }
  records = std::move(once);
}

}  // namespace

std::variant<Lineage, LineageError> Walk(const Answer& answer) {
  if (answer.answer.size() > kAnswerRecordsMax) {
    return LineageError::kTooManyRecords;
  }
  Lineage lineage;
  if (const auto error = FollowAliases(answer, lineage)) {
    return *error;
  }
  AddEnd(answer, lineage);
  DropRepeats(lineage.records);
  AddAddresses(answer, lineage);
  if (!lineage.records.empty()) {
    lineage.ttl = UINT32_MAX;
    for (Record& record : lineage.records) {
      record.ttl = LowerTtl(record.ttl);
      lineage.ttl = std::min(lineage.ttl, record.ttl);
    }
  }
  return lineage;
}

}  // namespace dnspin
