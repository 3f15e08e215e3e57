#include "nft/powers.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace dnspin {
namespace {

constexpr int kCapabilitiesMax = 64;

absl::Status SetCapabilities(uint64_t permitted, uint64_t inheritable) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> parts{};
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].permitted = static_cast<uint32_t>(permitted >> (32 * i));
    parts[i].effective = parts[i].permitted;
    parts[i].inheritable = static_cast<uint32_t>(inheritable >> (32 * i));
  }
  if (syscall(SYS_capset, &header, parts.data()) < 0) {
    return absl::ErrnoToStatus(errno, "capset");
  }
  return absl::OkStatus();
}

// Needs CAP_SETPCAP; the kernel says EINVAL past its last capability, which may be older than ours.
absl::Status EmptyBoundingSet() {
  for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability) < 0 &&
        (errno != EINVAL || prctl(PR_CAPBSET_READ, capability) >= 0)) {
      return absl::ErrnoToStatus(errno, "drop from the bounding set");
    }
  }
  return absl::OkStatus();
}

absl::Status ChangeIds(User user, User effective) {
  if (setresgid(user.gid, effective.gid, user.gid) < 0 ||
      setresuid(user.uid, effective.uid, user.uid) < 0) {
    return absl::ErrnoToStatus(errno, "change user");
  }
  return absl::OkStatus();
}

}  // namespace

Capabilities::Capabilities(std::initializer_list<int> numbers) {
  for (const int number : numbers) {
    mask_ |= uint64_t{1} << number;
  }
}

absl::StatusOr<std::optional<User>> FindUser(const std::string& name) {
  errno = 0;
  const passwd* const entry = getpwnam(name.c_str());
  if (entry != nullptr) {
    return User{entry->pw_uid, entry->pw_gid};
  }
  // Of an account that does not exist the C library says many things, of its own troubles these.
  for (const int trouble : {EINTR, EIO, EMFILE, ENFILE, ENOMEM, ERANGE}) {
    if (errno == trouble) {
      return absl::ErrnoToStatus(errno, "look for user " + name);
    }
  }
  return std::nullopt;
}

absl::Status BecomeUser(User user, User effective, const Capabilities& kept,
                        const Capabilities& passed_on) {
  if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, nullptr) < 0) {
    return absl::ErrnoToStatus(errno, "keep capabilities and no group");
  }
  if (auto status = ChangeIds(user, effective); !status.ok()) {
    return status;
  }
  prctl(PR_SET_KEEPCAPS, 0);
  // What is inheritable must be so before the bounding set is empty, which takes CAP_SETPCAP.
  const uint64_t setpcap = Capabilities({CAP_SETPCAP}).mask();
  if (auto status = SetCapabilities(kept.mask() | setpcap, passed_on.mask()); !status.ok()) {
    return status;
  }
  if (auto status = EmptyBoundingSet(); !status.ok()) {
    return status;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (auto status = SetCapabilities(kept.mask(), passed_on.mask()); !status.ok()) {
    return status;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) {
    return absl::ErrnoToStatus(errno, "no new privileges");
  }
  return absl::OkStatus();
}

absl::Status BecomeUserForExec(User user, const Capabilities& inherited) {
  if (auto status = ChangeIds(user, user); !status.ok()) {
    return status;
  }
  if (auto status = SetCapabilities(inherited.mask(), inherited.mask()); !status.ok()) {
    return status;
  }
  for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
    if (inherited.Holds(capability) &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) {
      return absl::ErrnoToStatus(errno, "raise an ambient capability");
    }
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return absl::ErrnoToStatus(errno, "no new privileges");
  }
  return absl::OkStatus();
}

}  // namespace dnspin
