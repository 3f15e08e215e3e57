#pragma once
// Knows: what dnspin reads of QubesDB, when it may believe it, and when to read it again.
// Messages in, commands out; touches nothing.

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/qubesdb_message.h"

namespace dnspin::qubesdb {

inline constexpr std::string_view kConnected = "/connected-ips";
inline constexpr std::string_view kConnected6 = "/connected-ips6";
inline constexpr std::string_view kPrimaryDns = "/qubes-netvm-primary-dns";
inline constexpr std::string_view kSecondaryDns = "/qubes-netvm-secondary-dns";
inline constexpr std::string_view kRebindOk = "/vm-config/dnspin-rebind-ok";

// `/qubes-firewall/ADDRESS/*` by the last part of the path: `policy`, `0000`, ...
using Target = std::map<std::string, std::string>;

struct View {
  std::map<std::string, Target> targets;                   // by ADDRESS, as it is written
  std::map<std::string, std::string> files;                // `/vm-config/dnspin.NAME`, by NAME
  std::map<std::string, std::string, std::less<>> values;  // kConnected, ...: those that are there
  std::map<std::string, uint64_t> orders{};  // of targets: the greater, the later it was read
  bool operator==(const View&) const = default;
};

inline constexpr size_t kTargetsMax = 4096;    // under way at once, and of counts that are kept
inline constexpr size_t kEntriesMax = 10'000;  // of a target: a policy and 9,999 rules
inline constexpr size_t kFilesMax = 1024;

// Of one connection: another one begins with another mirror. dom0 changes a target by removing it,
// writing each entry, and at last the target itself, which is the trigger. Between the first and
// the last of these what stands there counts for nothing, and what was read before stays.
class Mirror {
 public:
  // The commands to begin with: watches, then the first reading. `targets`: as in Follow().
  std::vector<Message> Begin(const std::set<std::string>& targets);

  // From now on these targets are read, by ADDRESS, and no others: dom0 never removes one, however
  // long its qube is gone. Those of `anew` are forgotten first: the address is another qube's now.
  std::vector<Message> Follow(const std::set<std::string>& targets,
                              const std::set<std::string>& anew);

  // What the server says; the commands that follow from it. An error: it says what it should not,
  // or holds more than any Qubes OS has.
  absl::StatusOr<std::vector<Message>> Take(const Message& message);

  // A command beside the readings: what dnspind publishes. `path` is one that the server takes.
  Message Write(std::string path, std::string data);
  Message Remove(std::string path);

  // All that there is was read once.
  bool whole() const { return begun_ && first_awaited_.empty(); }
  // Counts what may differ from before.
  uint64_t changes() const { return changes_; }
  const View& view() const { return view_; }

  // How often, since the last call, dom0 has said that a target is written, and it was read where
  // it is followed; once more for each at the beginning.
  std::map<std::string, uint32_t> TakeTold() { return std::exchange(told_, {}); }
  // `/qubes-firewall-handled/*` of these, by ADDRESS, as it stands there.
  const std::map<std::string, std::string>& handled() const { return handled_; }

 private:
  struct Question {
    Type type;
    std::string path;
  };
  Message Ask(Type type, std::string path);
  absl::Status TakeAnswer(const Message& message, std::vector<Message>& commands);
  void TakeEvent(std::string_view path, std::vector<Message>& commands);
  void TakeTargetEvent(std::string_view below, std::vector<Message>& commands);
  absl::Status TakeEntry(const Message& message, std::vector<Message>& commands);
  void TakeValue(const Message& message, std::vector<Message>& commands);
  void EndOfReading(const std::string& path, std::vector<Message>& commands);
  void TellOfUnread(const std::string& address, std::vector<Message>& commands);
  void ReadAgain(Type type, const std::string& path, std::vector<Message>& commands);

  std::deque<Question> questions_;       // that the server has not answered to the end
  std::set<std::string> awaited_;        // paths that are being read
  std::set<std::string> again_;          // of these, what has changed since
  std::set<std::string> followed_;       // targets
  std::set<std::string> incomplete_;     // targets that somebody is in the middle of changing
  std::set<std::string> first_awaited_;  // paths of the first reading
  std::map<std::string, std::string> entries_;  // of the reading under way
  View view_;
  std::map<std::string, uint32_t> triggers_;  // of targets whose reading is still to come
  std::map<std::string, uint32_t> told_;
  std::map<std::string, uint32_t> told_early_;  // whose count is still to be read
  std::map<std::string, std::string> handled_;
  bool begun_ = false;
  uint64_t changes_ = 0;
};

}  // namespace dnspin::qubesdb
