#pragma once
// Knows: one element of one client's pin set, as the kernel is to hold it; and the firewall as the
// core sees it. Touches nothing.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "pinning/address.h"
#include "pinning/name.h"
#include "pinning/shared_text.h"

namespace dnspin {

enum class ClientId : uint32_t {};  // our own number for a client; never sent by anyone

struct PinElement {
  SharedText set;  // `pin-10-137-0-25-1`; the address's family says in which table
  Address address;
  std::chrono::milliseconds life{0};  // from now; both timeout and expiration, at least one second
  SharedText comment;                 // at most kCommentOctetsMax, no NUL
  bool replace = false;               // it is there with another comment: add, delete, add
};

inline constexpr size_t kCommentOctetsMax = 128;

// `.github.com < api.github.com`, or the rule host alone where the asked name is the same; cut to
// fit.
SharedText PinComment(std::string_view rule_host, const Name& asked);

// What a comment says: the rule host, and the asked name as text (the rule host's where it has
// none).
struct CommentParts {
  std::string rule_host;
  std::string asked;
};
CommentParts ReadPinComment(std::string_view comment);

struct CommitResult {
  absl::Status status;          // OK: all elements are in the kernel; else none is
  std::vector<size_t> refused;  // positions of the elements that the kernel named, if it named any
};

class Pinner {  // the firewall, as the gate sees it
 public:
  virtual ~Pinner() = default;
  // One transaction. `elements` holds no (set, address) twice and at most kElementsPerCommit.
  virtual CommitResult Commit(std::span<const PinElement> elements) = 0;
};

inline constexpr size_t kElementsPerCommit = 64;

}  // namespace dnspin
