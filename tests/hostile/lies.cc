#include "tests/hostile/lies.h"

#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "io/packet_pair.h"
#include "pinning/channel_message.h"
#include "pinning/channel_packet.h"
#include "tests/hostile/waiting.h"

namespace dnspin {
namespace {

Address At(const char* text) { return *Address::Parse(text); }

// What an honest reader asks: www.good.test under `.good.test`, the client's first rule.
PinRequest Honest(const Liar& liar) {
  PinRequest request;
  request.ticket = 7;
  request.generation = liar.policy.generation;
  request.told_s = 60;
  request.asked = *Name::FromHost("www.good.test");
  request.rule_host = ".good.test";
  request.addresses = {At("198.51.100.7")};
  return request;
}

void Send(const Liar& liar, std::string_view message) {
  static_cast<void>(SendPacket(liar.channel, PacketOf(message)));
}

void Send(const Liar& liar, const PinRequest& request) { Send(liar, Encode(FromReader(request))); }

// An honest grant: www.good.test's answer names t1.test.
GrantRequest HonestGrant(const Liar& liar) {
  return {liar.policy.generation, 60, ".good.test", *Name::FromHost("www.good.test"),
          *Name::FromHost("t1.test")};
}

// Grants as `change` has it, then pins an address of the target.
std::function<void(const Liar&)> Granted(void (*change)(GrantRequest&)) {
  return [change](const Liar& liar) {
    GrantRequest grant = HonestGrant(liar);
    change(grant);
    Send(liar, Encode(FromReader(grant)));
    PinRequest request = Honest(liar);
    request.asked = grant.target;
    Send(liar, request);
  };
}

// A thousand targets, the second half named by the one before; an address of each.
void Targets(const Liar& liar) {
  GrantRequest grant = HonestGrant(liar);
  PinRequest request = Honest(liar);
  for (int i = 0; i < 1000; ++i) {
    grant.parent = i < 500 ? grant.parent : grant.target;
    grant.target = *Name::FromHost("t" + std::to_string(i) + ".test");
    Send(liar, Encode(FromReader(grant)));
    request.ticket = static_cast<uint64_t>(i);
    request.asked = grant.target;
    request.addresses = {
        At(("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250)).c_str())};
    Send(liar, request);
    Wait(1);
  }
}

std::function<void(const Liar&)> Changed(void (*change)(PinRequest&)) {
  return [change](const Liar& liar) {
    PinRequest request = Honest(liar);
    change(request);
    Send(liar, request);
  };
}

void Flood(const Liar& liar) {
  // Never reads a reply; keeps asking as fast as the channel takes it.
  PinRequest request = Honest(liar);
  for (uint64_t i = 0; i < 2'000'000; ++i) {
    request.ticket = i;
    const absl::Status status = SendPacket(liar.channel, PacketOf(Encode(FromReader(request))));
    if (!status.ok() && !absl::IsUnavailable(status)) {
      return;
    }
    if (!status.ok()) {
      WaitUntilReady(liar.channel, EPOLLOUT, 1000);
    }
  }
}

// What ads.good.test, which the second rule of the client drops, resolves to.
DropAddresses HonestDrop(const Liar& liar) {
  DropAddresses piece;
  piece.generation = liar.policy.generation;
  piece.name = *Name::FromHost("ads.good.test");
  piece.addresses = {At("198.51.100.66")};
  return piece;
}

std::function<void(const Liar&)> Dropped(void (*change)(DropAddresses&)) {
  return [change](const Liar& liar) {
    DropAddresses piece = HonestDrop(liar);
    change(piece);
    Send(liar, Encode(FromReader(piece)));
  };
}

// An answer that never ends.
void EndlessDrop(const Liar& liar) {
  DropAddresses piece = HonestDrop(liar);
  piece.last = false;
  for (int i = 0; i < 1000; ++i) {
    Send(liar, Encode(FromReader(piece)));
    piece.first = false;
  }
}

// Other addresses thousands of times a second; meanwhile it asks for a pin.
void ChangingDrops(const Liar& liar) {
  Send(liar, Encode(FromReader(DropAddresses{
                 liar.policy.generation, HonestDrop(liar).name, Family::kIpv6, true, true, {}})));
  DropAddresses piece = HonestDrop(liar);
  for (int i = 0; i < 100'000; ++i) {
    piece.addresses = {At(fmt::format("198.18.{}.{}", i / 256 % 256, i % 256).c_str())};
    Send(liar, Encode(FromReader(piece)));
    if (i == 1000) {
      Send(liar, Honest(liar));
    }
    if (i % 20 == 0) {
      Wait(1);
    }
  }
}

void Quota(const Liar& liar) {
  PinRequest request = Honest(liar);
  for (int i = 0; i < 200; ++i) {
    request.ticket = static_cast<uint64_t>(i);
    request.addresses.clear();
    for (int j = 0; j < 24; ++j) {
      request.addresses.push_back(
          At(("198.18." + std::to_string(i) + "." + std::to_string(j)).c_str()));
    }
    Send(liar, request);
    Wait(1);
  }
}

const std::vector<std::function<void(const Liar&)>>& Lies() {
  static const std::vector<std::function<void(const Liar&)>> kLies = {
      /* 0 honest */ Changed([](PinRequest&) {}),
      /* 1 another name */
      Changed([](PinRequest& r) { r.asked = *Name::FromHost("www.evil.test"); }),
      /* 2 a look-alike */
      Changed([](PinRequest& r) { r.asked = *Name::FromHost("www.notgood.test"); }),
      /* 3 another rule host */ Changed([](PinRequest& r) { r.rule_host = ".test"; }),
      /* 4 a dropped name */
      Changed([](PinRequest& r) { r.asked = *Name::FromHost("x.ads.test"); }),
      /* 5 a private address */ Changed([](PinRequest& r) { r.addresses = {At("192.168.1.1")}; }),
      /* 6 loopback, behind a good one */
      Changed([](PinRequest& r) { r.addresses.push_back(At("127.0.0.1")); }),
      /* 7 the netvm's own address */
      Changed([](PinRequest& r) { r.addresses = {At("10.0.2.2")}; }),
      /* 8 NAT64 of a private one */
      Changed([](PinRequest& r) { r.addresses = {At("64:ff9b::a01:203")}; }),
      /* 9 another family than the client has */
      Changed([](PinRequest& r) { r.addresses = {At("2001:db8::7")}; }),
      /* 10 an endless life */ Changed([](PinRequest& r) { r.told_s = 0xFFFFFFFF; }),
      /* 11 no life */ Changed([](PinRequest& r) { r.told_s = 0; }),
      /* 12 a policy that does not exist */ Changed([](PinRequest& r) { r.generation += 1; }),
      /* 13 half a message */
      [](const Liar& liar) {
        const std::string whole = Encode(FromReader(Honest(liar)));
        Send(liar, std::string_view(whole).substr(0, whole.size() / 2));
      },
      /* 14 a message and more */
      [](const Liar& liar) { Send(liar, Encode(FromReader(Honest(liar))) + "x"); },
      /* 15 a message that is too long */
      [](const Liar& liar) { Send(liar, std::string(kMessageOctetsMax + 1, 'x')); },
      /* 16 an unknown type */ [](const Liar& liar) { Send(liar, std::string(64, '\xff')); },
      /* 17 dnspind's own words */
      [](const Liar& liar) {
        Send(liar, Encode(ToReader(PinReply{7, PinOutcome::kDone})));
      },
      /* 18 a descriptor */
      [](const Liar& liar) {
        const int fd = STDERR_FILENO;
        if (!SendPacket(liar.channel, PacketOf(Encode(FromReader(Honest(liar)))), {&fd, 1}).ok()) {
          _exit(0);  // Linux 6.16 and later: dnspind has asked for none to come through
        }
      },
      /* 19 a flood */ Flood,
      /* 20 more than the quota */ Quota,
      /* 21 an honest grant */ Granted([](GrantRequest&) {}),
      /* 22 of a parent that nobody lists */
      Granted([](GrantRequest& r) { r.parent = *Name::FromHost("www.evil.test"); }),
      /* 23 under a rule that is not there */
      Granted([](GrantRequest& r) { r.rule_host = ".test"; }),
      /* 24 for a name that a rule before it drops */
      Granted([](GrantRequest& r) { r.target = *Name::FromHost("x.first.test"); }),
      /* 25 for ever */ Granted([](GrantRequest& r) { r.ttl_s = 0xFFFFFFFF; }),
      /* 26 a thousand targets */ Targets,
      /* 27 a dropped name that no rule drops */
      Dropped([](DropAddresses& d) { d.name = *Name::FromHost("www.good.test"); }),
      /* 28 one that a pattern drops */
      Dropped([](DropAddresses& d) { d.name = *Name::FromHost("x.first.test"); }),
      /* 29 under a policy that does not exist */
      Dropped([](DropAddresses& d) { d.generation += 1; }),
      /* 30 the end of an answer that did not begin */
      Dropped([](DropAddresses& d) { d.first = false; }),
      /* 31 an answer without an end */ EndlessDrop,
      /* 32 ever other answers */ ChangingDrops,
  };
  return kLies;
}

}  // namespace

void TellLie(size_t row, const Liar& liar) {
  if (row >= Lies().size()) {
    _exit(1);
  }
  Lies()[row](liar);
}

}  // namespace dnspin
