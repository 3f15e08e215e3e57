// What somebody says on the control socket, in pieces of any size. What must hold:
//  - a request line that is not too long gets one reply, and the pieces make no difference; one
//  that
//    is too long, or has no end, gets none and is hung up on;
//  - a reply is one line of printable ASCII, is JSON, and is bounded;
//  - what is asked of one client tells of that client alone;
//  - nothing but the command to reload reloads.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "nft/control_reply.h"
#include "nft/control_server.h"
#include "pinning/check.h"

namespace dnspin {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr BootTime kNow{seconds(1000)};

int reloads = 0;

ServedClients SomeClients() {
  ServedClients clients;
  for (uint32_t number = 1; number <= 2; ++number) {
    ServedClient& client = clients[ClientId{number}];
    client.id = ClientId{number};
    client.desired.name = number == 1 ? "work" : "per\xC3\xA7o \"nal\"";
    client.desired.addresses = {*Address::Parse(number == 1 ? "10.137.0.25" : "fd00::19")};
    client.reader = number;
    client.permissions = std::make_shared<const Permissions>(client.policy);
    client.record.Take(AnswerReport{.type = 1,
                                    .asked = *Name::FromHost("www.example.com"),
                                    .chain = {},
                                    .addresses = {*Address::Parse("192.0.2.1")}},
                       kNow);
    client.packets.Take({*Address::Parse("10.137.0.25"), *Address::Parse("192.0.2.1"), 6, 22},
                        kNow);
    client.ledger.Adopt({1, *Address::Parse("192.0.2.1")},
                        {".example.com", *Name::FromHost("www.example.com"), kNow + seconds(60)});
  }
  return clients;
}

const ControlView& View() {
  static const ServedClients clients = SomeClients();
  static const std::vector<Upstream> upstreams = {{*Endpoint::Parse("192.0.2.53"), "eth0"}};
  static const ControlView view = [] {
    ControlView some{clients, upstreams, {{1, 4711}}, "in place", "answer", {},
                     {},      0,         0,           0,          kNow,     0};
    some.reload = [] {
      ++reloads;
      return absl::OkStatus();
    };
    some.find_flows = [](const ServedClient&, const Address&) { return std::vector<Flow>(1); };
    some.rate = [](auto) { return 0.5; };
    some.learn = [](const std::string& client, const Learning::Lesson& lesson) {
      DNSPIN_CHECK(!client.empty() && !lesson.services.empty());
      DNSPIN_CHECK(lesson.until >= kNow && lesson.until <= kNow + Learning::kLongest);
      return absl::OkStatus();
    };
    some.flush = [](ClientId) -> absl::StatusOr<size_t> { return 1; };
    return some;
  }();
  return view;
}

// What a strict reader of requests makes of it; empty: nothing.
std::string Field(const Json& request, const char* key) {
  const bool there = request.is_object() && request.contains(key) && request[key].is_string();
  return there ? request[key].get<std::string>() : std::string();
}

void CheckReply(const std::string& request, const std::string& reply, int reloaded) {
  DNSPIN_CHECK(!reply.empty() && reply.find('\n') == reply.size() - 1);
  DNSPIN_CHECK(
      std::all_of(reply.begin(), reply.end() - 1, [](char c) { return c >= ' ' && c <= '~'; }));
  const Json said = Json::parse(reply, nullptr, false);
  DNSPIN_CHECK(!said.is_discarded() && (said.is_object() || said.is_array()));
  DNSPIN_CHECK(!said.contains("error") || reply.size() <= 2048);
  const Json asked = Json::parse(request, nullptr, false);
  const std::string command = Field(asked, "command");
  DNSPIN_CHECK(command != "reload" ? reloaded == 0 : said.contains("error") || reloaded == 1);
  const std::string client = Field(asked, "client");
  const bool lists = command == "pins" || command == "blocked";
  if (lists && !client.empty()) {
    DNSPIN_CHECK(said.is_array() == (client == "work" || client == "per\xC3\xA7o \"nal\""));
    for (const Json& pin : said.is_array() ? said : Json::array()) {
      DNSPIN_CHECK(pin["client"] == client);
    }
  }
  DNSPIN_CHECK(!said.is_array() || lists || command == "clients");
}

// A server with a socket that has no name in any folder.
class Server {
 public:
  Server() : reactor_(*Reactor::Create()) {
    Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address_.sun_family = AF_UNIX;
    length_ = sizeof(sa_family_t);
    DNSPIN_CHECK(bind(listener.get(), Address(), length_) == 0 && listen(listener.get(), 4) == 0);
    length_ = sizeof(address_);
    DNSPIN_CHECK(getsockname(listener.get(), Address(), &length_) == 0);
    server_ = *ControlServer::Create(std::move(listener), 0, *reactor_, [](const auto& request) {
      return ReplyToControl(request, View());
    });
  }

  std::string Ask(std::string_view octets, size_t piece) {
    Descriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    DNSPIN_CHECK(connect(client.get(), Address(), length_) == 0);
    Turn();
    std::string heard;
    for (int pieces = 0; !octets.empty(); ++pieces) {
      const auto part = octets.substr(0, pieces < 64 ? piece : 1024);
      if (send(client.get(), part.data(), part.size(), MSG_NOSIGNAL) < 0) {
        break;
      }
      octets.remove_prefix(part.size());
      Turn();
    }
    for (size_t before = SIZE_MAX; before != heard.size();) {
      before = heard.size();
      for (int turns = 0; turns < 8; ++turns) {  // of 1,024 octets each
        Turn();
      }
      static std::array<char, 65536> buffer;
      const ssize_t more = recv(client.get(), buffer.data(), buffer.size(), 0);
      heard.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(more, 0)));
    }
    now_ += ControlServer::kTimeLimit + seconds(1);
    server_->Expire(now_);
    DNSPIN_CHECK(!server_->Busy());
    return heard;
  }

 private:
  sockaddr* Address() { return reinterpret_cast<sockaddr*>(&address_); }
  void Turn() {
    DNSPIN_CHECK(reactor_->Turn(now_, now_).ok());
    server_->Expire(now_);
  }

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<ControlServer> server_;
  sockaddr_un address_{};
  socklen_t length_ = 0;
  BootTime now_{seconds(1000)};
};

}  // namespace
}  // namespace dnspin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  if (size == 0) {
    return 0;
  }
  const std::string_view octets(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const size_t end = octets.find('\n');
  const bool whole = end != std::string_view::npos && end <= ControlServer::kRequestOctetsMax;
  reloads = 0;
  const std::string request(octets.substr(0, end));
  const std::string reply = ReplyToControl(request, View());
  CheckReply(request, reply, reloads);
  static Server server;
  reloads = 0;
  DNSPIN_CHECK(server.Ask(octets, size_t{bytes[0]} * 8 + 1) == (whole ? reply : ""));
  DNSPIN_CHECK(whole || reloads == 0);
  return 0;
}
