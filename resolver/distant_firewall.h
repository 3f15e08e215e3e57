#pragma once
// Knows: the firewall, as the process that cannot touch it sees it: dnspind, which may say no.
// Touches nothing.

#include <vector>

#include "pinning/channel_message.h"

namespace dnspin {

class DistantFirewall {
 public:
  virtual ~DistantFirewall() = default;
  // Its PinReply comes later, or never.
  virtual void Request(const PinRequest& request) = 0;
  // Before the requests and the answer that it belongs to. False: too much waits, it was not sent.
  virtual bool Grant(const GrantRequest& request) = 0;
  // An answer for the name of a drop rule: all of its pieces, or none of them where this is false.
  virtual bool Drop(const std::vector<DropAddresses>& pieces) = 0;
  // For the journal; over a budget it is only counted.
  virtual void Report(const RefusalReport& report) = 0;
  // For who wants to see it; over a budget it is left out.
  virtual void Report(const AnswerReport& report) = 0;
};

}  // namespace dnspin
