#include "cli/simulation.h"

#include <algorithm>
#include <set>

#include "cli/service_word.h"
#include "cli/verdicts.h"

namespace dnspin {
namespace {

// How far a standing lets a client come: refused, told, let through.
int Reach(std::string_view standing) {
  return standing == "pinned" || standing == "open" ? 2 : standing == "answered" ? 1 : 0;
}

SimulatedRow::Change ChangeOf(int now, int then) {
  return then < now   ? SimulatedRow::Change::kRefused
         : then > now ? SimulatedRow::Change::kOpened
                      : SimulatedRow::Change::kNone;
}

class Simulator {
 public:
  Simulator(const RecordedClient& record, const std::vector<Rule>& rules)
      : record_(record), now_(record.rules), then_(rules) {}

  std::vector<SimulatedRow> Run() {
    for (const auto& [text, name] : record_.names) {
      AddName(name);
      AddServices(name);
    }
    for (const RecordedPacket& packet : record_.packets) {
      if (packet.address && packet.service) {
        const std::string name = packet.name.empty() ? packet.address->Text() : packet.name;
        AddPacket(name + " " + packet.text, /*now=*/false, *packet.address, *packet.service,
                  Name::FromHost(packet.name));
      }
    }
    return std::move(rows_);
  }

 private:
  void AddName(const RecordedName& name) {
    const Permission then = name.host ? then_.Of(*name.host) : Permission();
    SimulatedRow row{name.text,
                     StandingUnder(now_, name, name.standing),
                     StandingUnder(then_, name, std::string(StandingText(then.standing))),
                     then_.OriginOf(then),
                     {}};
    row.change = ChangeOf(Reach(row.now), Reach(row.then));
    rows_.push_back(std::move(row));
  }

  // "open" where rules about addresses open what it was told, for all that it was used for.
  static std::string StandingUnder(const Verdicts& verdicts, const RecordedName& name,
                                   const std::string& standing) {
    const Service https{Protocol::kTcp, PortRange{443, 443}, {}};
    const std::set<Service> services =
        name.services.empty() ? std::set<Service>{https} : name.services;
    const bool open = standing == "answered" && !name.addresses.empty() &&
                      std::ranges::all_of(services, [&](const Service& service) {
                        return verdicts.Opens(*name.addresses.begin(), service, name.host);
                      });
    return open ? "open" : standing;
  }

  // What it was used for, where the name as such would still be pinned.
  void AddServices(const RecordedName& name) {
    if (!name.host || name.addresses.empty() || Reach(name.standing) < 2 ||
        then_.Of(*name.host).standing != Standing::kPinned) {
      return;
    }
    for (const Service& service : name.services) {
      AddPacket(name.text + " " + ServiceWord(service), /*now=*/true, *name.addresses.begin(),
                service, name.host);
    }
  }

  void AddPacket(const std::string& what, bool now, const Address& address, const Service& service,
                 const std::optional<Name>& host) {
    const bool then = then_.Opens(address, service, host);
    const std::string origin = host ? then_.OriginOf(then_.Of(*host)) : std::string();
    rows_.push_back({what, now ? "open" : "shut", then ? "open" : "shut", then ? origin : "",
                     ChangeOf(now ? 1 : 0, then ? 1 : 0)});
  }

  const RecordedClient& record_;
  const Verdicts now_;
  const Verdicts then_;
  std::vector<SimulatedRow> rows_;
};

}  // namespace

std::vector<SimulatedRow> Simulate(const RecordedClient& record, const std::vector<Rule>& rules) {
  return Simulator(record, rules).Run();
}

}  // namespace dnspin
