// What dnspind may send its launcher, in any order, with readers that end meanwhile: one report for
// each request, an errno for what is bad, no second door of a client, nothing beyond the limits,
// and nothing done to the world that was not asked for.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>

#include "nft/launcher_state.h"
#include "pinning/check.h"
#include "pinning/service_message.h"

namespace dnspin {
namespace {

Descriptor Some() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// A world in which every eighth wish fails; it remembers what it was asked for.
class World : public LauncherHands {
 public:
  absl::StatusOr<Door> Open(uint16_t port_wished) override {
    ++opened;
    if (Fails()) {
      return absl::UnavailableError("no");
    }
    Door door;
    door.port = port_wished != 0 ? port_wished : 40000;
    return door;
  }
  absl::StatusOr<StartedReader> Start() override {
    ++started;
    if (Fails()) {
      return absl::UnavailableError("no");
    }
    running.insert(++last_pid);
    return StartedReader{last_pid, {}};
  }
  absl::Status Hand(int, std::string_view message, std::span<const int> fds) override {
    ++handed;
    DNSPIN_CHECK(message.size() == kServiceMessageOctets && fds.size() >= 1 && fds.size() <= 2);
    return Fails() ? absl::UnavailableError("no") : absl::OkStatus();
  }
  absl::Status Kill(pid_t pid) override {
    DNSPIN_CHECK(running.contains(pid));  // whom it kills is a reader that has not been reaped
    ++killed;
    return Fails() ? absl::UnavailableError("no") : absl::OkStatus();
  }

  std::set<pid_t> running;
  pid_t last_pid = 1000;
  size_t opened = 0;
  size_t started = 0;
  size_t handed = 0;
  size_t killed = 0;
  size_t Deeds() const { return opened + started + handed + killed; }

 private:
  bool Fails() { return ++wishes_ % 8 == 0; }
  size_t wishes_ = 0;
};

// What a reader of the specification would expect, kept beside.
struct Model {
  std::set<uint32_t> doors;
  std::map<uint32_t, pid_t> readers;
};

// The errno that must come, whatever the world does; 0: it is the world's to say.
int Refusal(const Model& model, const LauncherRequest& request, size_t descriptors) {
  const bool reader = model.readers.contains(request.reader);
  const bool door = model.doors.contains(request.client);
  const bool log = request.op == LauncherOp::kServeLog;
  if (descriptors != (log ? 2U : request.op == LauncherOp::kServe ? 1U : 0U)) {
    return EINVAL;
  }
  switch (request.op) {
    case LauncherOp::kOpenDoor:
      return door || request.port > 65535                     ? EINVAL
             : model.doors.size() >= LauncherState::kDoorsMax ? EMFILE
                                                              : 0;
    case LauncherOp::kCloseDoor:
      return door ? 0 : ENOENT;
    case LauncherOp::kStartReader:
      return reader ? EINVAL : model.readers.size() >= LauncherState::kReadersMax ? EMFILE : 0;
    case LauncherOp::kServe:
      return reader && door ? 0 : EINVAL;
    case LauncherOp::kServeLog:
      return reader ? 0 : EINVAL;
    case LauncherOp::kKillReader:
      return reader ? 0 : ESRCH;
  }
  return EINVAL;
}

void Apply(Model& model, const LauncherRequest& request, const LauncherReport& report) {
  if (report.event != LauncherEvent::kDone) {
    return;
  }
  if (request.op == LauncherOp::kOpenDoor) {
    DNSPIN_CHECK(report.value > 0 && report.value <= 65535);
    DNSPIN_CHECK(model.doors.insert(request.client).second);
  } else if (request.op == LauncherOp::kCloseDoor) {
    model.doors.erase(request.client);
  } else if (request.op == LauncherOp::kStartReader) {
    DNSPIN_CHECK(model.readers.emplace(request.reader, report.value).second);
  }
}

void CheckPacket(LauncherState& state, World& world, Model& model, const Packet& packet) {
  const size_t deeds = world.Deeds();
  const LauncherReport report = state.Take(packet);
  const auto request = ValueOf<LauncherRequest>(packet.bytes);
  const bool malformed = !request || packet.truncated;
  const int refusal = malformed ? EINVAL : Refusal(model, *request, packet.descriptors.size());
  DNSPIN_CHECK(report.event == LauncherEvent::kDone || report.event == LauncherEvent::kFailed);
  DNSPIN_CHECK(report.reader == (request ? request->reader : 0) && report.status == 0);
  DNSPIN_CHECK(report.event == LauncherEvent::kDone ? report.value >= 0 : report.value > 0);
  if (refusal != 0) {
    DNSPIN_CHECK(report.event == LauncherEvent::kFailed && report.value == refusal);
    DNSPIN_CHECK(world.Deeds() == deeds);  // and nothing was touched
    return;
  }
  DNSPIN_CHECK(world.Deeds() == deeds + (request->op == LauncherOp::kCloseDoor ? 0 : 1));
  Apply(model, *request, report);
}

// Some reader of the world's ends, or a child that is none.
void End(LauncherState& state, World& world, Model& model, pid_t pid, int status) {
  world.running.erase(pid);
  const auto report = state.Exited(pid, status);
  const auto found =
      std::ranges::find_if(model.readers, [&](const auto& entry) { return entry.second == pid; });
  DNSPIN_CHECK(report.has_value() == (found != model.readers.end()));
  if (report) {
    DNSPIN_CHECK(report->event == LauncherEvent::kExited && report->reader == found->first);
    DNSPIN_CHECK(report->value == pid && report->status == status);
    model.readers.erase(found);
    DNSPIN_CHECK(!state.Exited(pid, status));  // it is told once
  }
}

}  // namespace
}  // namespace dnspin

// The input: steps. An octet says what: 0xFF: a reader ends, the next octet says which; 0xFE: 256
// doors and 256 readers at once, on the way to the limits; else the lower five bits are the length
// of a packet that follows, two more how many descriptors come along, the top one that it was cut.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  World world;
  LauncherState state(world);
  Model model;
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  size_t many = 0;
  for (size_t at = 0; at < size;) {
    const uint8_t step = bytes[at++];
    if (step == 0xFF) {
      const pid_t pid = 1000 + (at < size ? bytes[at++] : 0);
      End(state, world, model, pid, static_cast<int>(size));
    } else if (step == 0xFE && many < 8) {
      ++many;
      for (uint32_t i = 0; i < 256; ++i) {
        const auto number = static_cast<uint32_t>(1'000'000 + many * 256 + i);
        for (const LauncherOp op : {LauncherOp::kOpenDoor, LauncherOp::kStartReader}) {
          const LauncherRequest request{op, number, number, 0};
          CheckPacket(state, world, model, {std::string(BytesOf(request)), {}, false});
        }
      }
    } else {
      Packet packet;
      packet.bytes = input.substr(at, step & 0x1F);
      packet.truncated = (step & 0x80) != 0;
      for (int i = 0; i < (step >> 5 & 3); ++i) {
        packet.descriptors.push_back(Some());
      }
      at += packet.bytes.size();
      CheckPacket(state, world, model, packet);
    }
    DNSPIN_CHECK(state.doors() == model.doors.size());
    DNSPIN_CHECK(state.doors() <= LauncherState::kDoorsMax);
    DNSPIN_CHECK(state.Readers().size() == model.readers.size());
    DNSPIN_CHECK(model.readers.size() <= LauncherState::kReadersMax);
  }
  return 0;
}
