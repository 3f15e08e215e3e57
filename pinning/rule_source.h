#pragma once
// Knows: what rules that change by themselves look like to who follows them: dom0's, in QubesDB
// (config/qubesdb_source.h). Touches nothing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "pinning/clock.h"

namespace dnspin {

// What is published, and how long a value may be.
inline constexpr std::string_view kPublishedNames = "/dns/";                      // ADDRESS/HOST
inline constexpr std::string_view kPublishedCounts = "/qubes-firewall-handled/";  // ADDRESS
inline constexpr size_t kPublishedOctetsMax = 3071;

class RuleSource {
 public:
  virtual ~RuleSource() = default;

  // Readable whenever Serve() has something to do, beside the deadline.
  virtual int fd() const = 0;
  virtual std::optional<BootTime> NextDeadline() const = 0;

  struct News {
    bool changed = false;                  // what it knows is not what it was
    std::map<std::string, uint32_t> told;  // targets that dom0 said are written, how often
    std::string trouble;                   // for the log; empty: none
  };
  // Takes what is there, up to a share that keeps nobody waiting, and sends what can be sent.
  virtual News Serve(BootTime now) = 0;

  // The targets that matter: the addresses of who is there, each with its interfaces. One that is
  // at other interfaces than before is another qube's.
  virtual void Follow(const std::map<std::string, std::set<std::string>>& targets) = 0;

  // True if all was read once. What is known stays while the source is not to be reached.
  virtual bool known() const = 0;

  // Counts its connections: what was published by an earlier one may be lost.
  virtual uint64_t connection() const = 0;

  // Publishes, below the two paths above. False if it is left out: it does not
  // fit, there is no connection, or too much is waiting.
  virtual bool Write(const std::string& path, const std::string& data) = 0;
  virtual bool Remove(const std::string& path) = 0;
  // The count that others have published last of this target; 0 where there is none.
  virtual uint64_t Handled(const std::string& target) const = 0;
};

}  // namespace dnspin
