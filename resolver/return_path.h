#pragma once
// Knows: how an answer finds back to who asked, and who waits for one. Touches nothing.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pinning/address.h"
#include "pinning/clock.h"
#include "pinning/permission.h"
#include "resolver/ending.h"
#include "resolver/inquiry.h"
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
  // An answer of the client's own server, which waits in a queue: our number of it. `client` is
  // where it goes to, `local` and `destination` are that server.
  std::optional<uint64_t> held;
};

// What that server has said.
struct HeldAnswer {
  UpstreamResult result;
  bool beside = false;  // it says more than `result` does
};

struct Waiter {
  Question question;
  ReturnPath path;
  BootTime deadline;
  OpenQuestions::Slot slot;
  std::shared_ptr<const HeldAnswer> brought;  // null: nothing was, it is to be asked for
};

// The client's sockets, as the core sees them. What is sent there counts as this ending, what
// cannot be sent as dropped.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void Send(const ReturnPath& path, std::string message, Ending ending) = 0;
  // What is held goes on as it is.
  virtual void Release(const ReturnPath& path, Ending ending) = 0;
};

}  // namespace dnspin
