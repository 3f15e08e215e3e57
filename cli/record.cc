#include "cli/record.h"

#include <fmt/format.h>

#include <memory>

#include "cli/reply.h"
#include "cli/service_word.h"
#include "config/rule_text.h"

namespace dnspin {
namespace {

RecordedName& NameIn(RecordedClient& record, const std::string& text) {
  RecordedName& name = record.names[text];
  name.text = text;
  name.host = Name::FromHost(text);
  return name;
}

void ReadName(const Json& entry, RecordedClient& record) {
  RecordedName& name = NameIn(record, TextIn(entry, "name"));
  name.standing = TextIn(entry, "standing");
  for (std::string& link : TextsIn(entry, "chain")) {
    name.chain.insert(std::move(link));
  }
  name.count += NumberIn(entry, "count");
  for (const std::string& text : TextsIn(entry, "addresses")) {
    if (const auto address = Address::Parse(text)) {
      name.addresses.insert(*address);
    }
  }
  for (const std::string& word : TextsIn(entry, "ports")) {
    if (const auto service = ReadServiceWord(word)) {
      name.services.insert(*service);
    }
  }
}

// A question that was refused, or packets that were.
void ReadBlocked(const Json& entry, RecordedClient& record) {
  const std::string name = TextIn(entry, "name");
  const auto address = Address::Parse(TextIn(entry, "address"));
  if (!address) {
    if (!name.empty() && !record.names.contains(name)) {
      RecordedName& asked = NameIn(record, name);
      asked.standing = "prohibited";
      asked.count = NumberIn(entry, "count");
    }
    return;
  }
  std::string protocol = TextIn(entry, "protocol");
  protocol = protocol == "icmpv6" ? "icmp" : protocol;
  const std::string port = TextIn(entry, "port");
  const bool has_port = protocol != "icmp" && !port.empty();
  RecordedPacket packet{name,
                        address,
                        {},
                        protocol + (has_port ? "/" + port : ""),
                        NumberIn(entry, "count"),
                        In(entry, "rule").is_object()};
  packet.service = ReadServiceWord(packet.text);
  record.packets.push_back(packet);
}

void ReadRule(const Json& entry, RecordedClient& record) {
  static const std::string kSource = "record";
  const std::string text = TextIn(entry, "text");
  const std::string origin = TextIn(entry, "origin");
  if (origin == "learn") {
    return;  // of a lesson: no rule of the client's own
  }
  std::vector<Diagnostic> said;
  LineReport report(kSource, 1, text, said);
  auto rule = ReadRule(text, Author::kOurselves, report, {&kAddressesFile, 1});
  if (rule) {
    rule->origin = {std::make_shared<const std::string>(origin), 0};
    record.rules.push_back(std::move(*rule));
  }
}

}  // namespace

RecordedClient ReadRecord(const Json& reply) {
  RecordedClient record;
  record.client = TextIn(reply, "client");
  for (const Json& entry : ListIn(reply, "rules")) {
    ReadRule(entry, record);
  }
  for (const Json& entry : ListIn(reply, "names")) {
    ReadName(entry, record);
  }
  for (const Json& entry : ListIn(reply, "blocked")) {
    ReadBlocked(entry, record);
  }
  return record;
}

}  // namespace dnspin
