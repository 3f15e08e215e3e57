// Any octets are what a QubesDB server says, in pieces of any size. What must hold:
//  - the pieces make no difference;
//  - every command that follows reads or watches, and is one that the server takes;
//  - what is kept is bounded, and was said;
//  - a target that is not broken has a policy, and its rules are as many as its rule entries, but
//    for those that somebody is warned of;
//  - whoever is a client of it has an interface and a target, and no rule if anything is at fault.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/qubes_configuration.h"
#include "config/qubesdb_message.h"
#include "config/qubesdb_mirror.h"
#include "config/qubesdb_rules.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

using qubesdb::Message;
using qubesdb::Type;

struct Decoded {
  std::vector<Message> messages;
  bool good = true;
  bool operator==(const Decoded&) const = default;
};

Decoded Decode(std::string_view stream, size_t piece) {
  Decoded decoded;
  qubesdb::Decoder decoder;
  while (decoded.good && !stream.empty()) {
    decoder.Take(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
    for (;;) {
      auto next = decoder.Next();
      decoded.good = next.ok();
      if (!next.ok() || !next->has_value()) {
        break;
      }
      decoded.messages.push_back(**std::move(next));
    }
  }
  return decoded;
}

void CheckCommands(const std::vector<Message>& commands) {
  for (const Message& command : commands) {
    DNSPIN_CHECK(command.type == Type::kRead || command.type == Type::kMultiread ||
                 command.type == Type::kList || command.type == Type::kWatch);
    DNSPIN_CHECK(command.data.empty() && qubesdb::IsPath(command.path));
    DNSPIN_CHECK(Encode(command).size() == 72);
  }
}

void CheckView(const qubesdb::View& view, std::string_view stream) {
  DNSPIN_CHECK(view.targets.size() <= qubesdb::kTargetsMax);
  DNSPIN_CHECK(view.files.size() <= qubesdb::kFilesMax && view.values.size() <= 5);
  for (const auto& [address, target] : view.targets) {
    DNSPIN_CHECK(target.size() <= qubesdb::kEntriesMax);
    const TargetRules read = ReadTarget(address, target);
    for (const auto& [entry, value] : target) {
      DNSPIN_CHECK(stream.find(value) != std::string_view::npos);
    }
    if (!read.broken()) {
      DNSPIN_CHECK(target.contains("policy"));
      DNSPIN_CHECK(read.rules.size() + read.diagnostics.size() + 1 >= target.size());
    }
    for (const auto& [number, rule] : read.rules) {
      DNSPIN_CHECK(!rule.expire && rule.comment.empty());
    }
  }
}

void CheckClients(const qubesdb::View& view) {
  const auto at = [](const char* text) { return *Address::Parse(text); };
  const std::vector<Vif> vifs = {{"vif4.0", {at("10.137.0.25"), at("fd09:24ef:4179::a89:19")}},
                                 {"vif5.0", {at("10.0.0.1")}},
                                 {"eth0", {at("10.0.0.2")}}};
  TargetReader reader;
  const QubesConfiguration made = ConfigurationOfQubes({}, reader, view, vifs);
  DNSPIN_CHECK(made.clients.size() <= 2);
  for (const ClientConfig& client : made.clients) {
    DNSPIN_CHECK(client.interfaces.size() == 1 && !client.addresses.empty());
    DNSPIN_CHECK(client.fault.empty() || client.rules.empty());
    for (const Address& address : client.addresses) {
      DNSPIN_CHECK(view.targets.contains(address.Text()));
    }
    for (const Rule& rule : client.rules) {
      DNSPIN_CHECK(!(rule.host && rule.destination));
    }
  }
}

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dnspin;
  if (size == 0) {
    return 0;
  }
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded decoded = Decode(stream, SIZE_MAX);
  DNSPIN_CHECK(decoded == Decode(stream, size_t{data[0]} + 1));
  qubesdb::Mirror mirror;
  CheckCommands(mirror.Begin({"10.137.0.25", "fd09:24ef:4179::a89:19", "10.0.0.1"}));
  for (const Message& message : decoded.messages) {
    const auto commands = mirror.Take(message);
    if (!commands.ok()) {
      break;
    }
    CheckCommands(*commands);
  }
  CheckView(mirror.view(), stream);
  CheckClients(mirror.view());
  return 0;
}
