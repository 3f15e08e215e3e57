#pragma once
// Knows: how an answer finds back to who asked, and who waits for one. Touches nothing.

#include <cstdint>
#include <optional>
#include <string>

#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/permission.h"
#include "resolver/ending.h"
#include "resolver/open_questions.h"
#include "resolver/question.h"

namespace dnspin {

struct ReturnPath {
  Transport transport = Transport::kUdp;
  // UDP: who asked, at which of our addresses, by which interface.
  Endpoint client;
  Address local;
  uint32_t interface_index = 0;
  // TCP: our number of the connection, and where the client had meant it to go, if that is known.
  uint64_t connection = 0;
  std::optional<Address> destination;
};

struct Waiter {
  Question question;
  ReturnPath path;
  BootTime deadline;
  OpenQuestions::Slot slot;
};

// The client's sockets, as the core sees them. What is sent there counts as this ending, what
// cannot be sent as dropped.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void Send(const ReturnPath& path, std::string message, Ending ending) = 0;
};

}  // namespace dnspin
