#include "nft/start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "nft/control_server.h"
#include "nft/launcher.h"

namespace dnspin {
namespace {

constexpr const char* kNobody = "nobody";

absl::StatusOr<Descriptor> OpenReaderProgram() {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size() - 1);
  std::string beside(self.data(), length > 0 ? static_cast<size_t>(length) : 0);
  beside.resize(beside.rfind('/') + 1);
  for (const std::string& folder :
       {beside, std::string("/usr/libexec/dnspin/"), std::string("/usr/lib/dnspin/")}) {
    Descriptor program(open((folder + "dnspin-resolver").c_str(), O_PATH | O_CLOEXEC));
    if (program.valid()) {
      return program;
    }
  }
  return absl::NotFoundError("dnspin-resolver is neither beside dnspind (" + beside +
                             ") nor in /usr/libexec/dnspin");
}

// A directory that has no name any more: nothing is in it and nothing can be made in it. Who was
// interrupted here may have left it.
absl::StatusOr<Descriptor> MakeEmptyRoot(const std::string& run_dir) {
  const std::string path = run_dir + "/empty";
  rmdir(path.c_str());
  if (mkdir(path.c_str(), 0500) < 0) {
    return absl::ErrnoToStatus(errno, "make " + path);
  }
  Descriptor root(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid() || chmod(path.c_str(), 0555) < 0 || rmdir(path.c_str()) < 0) {
    const int error = errno;
    rmdir(path.c_str());
    return absl::ErrnoToStatus(error, "make an empty directory of " + path);
  }
  return root;
}

// A name in the abstract space of this network namespace, which the kernel frees when we end.
absl::StatusOr<Descriptor> TakeLock() {
  constexpr std::string_view kName("\0dnspind", 8);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kName.copy(address.sun_path, kName.size());
  Descriptor lock(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kName.size());
  if (bind(lock.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    return absl::FailedPreconditionError(errno == EADDRINUSE
                                             ? "another dnspind runs in this network namespace"
                                             : "cannot take the lock");
  }
  return lock;
}

absl::Status FindOwn(const StartTerms& terms, Started& started) {
  const auto user = FindUser(terms.user);
  const auto nobody = FindUser(kNobody);
  for (const absl::Status& status : {user.status(), nobody.status()}) {
    if (!status.ok()) {
      return status;
    }
  }
  started.user_name = terms.user;
  if (!*user) {
    started.warnings.push_back(fmt::format(
        "user '{}' does not exist: running as nobody; mend it with: useradd --system {}",
        terms.user, terms.user));
    started.user_name = kNobody;
  }
  started.user = user->value_or(nobody->value_or(User{65534, 65534}));
  return absl::OkStatus();
}

// The readers' user is nobody else's: not root, and not dnspind's, whom they could then ask the
// kernel about.
absl::StatusOr<User> FindReader(const std::string& account, User own) {
  uint32_t uid = 0;
  const bool number = absl::SimpleAtoi(account, &uid);
  const absl::StatusOr<std::optional<User>> looked =
      number ? std::optional(User{uid, uid}) : FindUser(account);
  if (!looked.ok()) {
    return looked.status();
  }
  const std::optional<User>& found = *looked;
  const std::string_view fault = !found                  ? "does not exist"
                                 : found->uid == own.uid ? "is what dnspind runs as"
                                 : found->uid == 0 || found->gid == 0
                                     ? "is root, or in root's group"
                                     : "";
  if (fault.empty()) {
    return *found;
  }
  return absl::FailedPreconditionError(fmt::format(
      "resolver_user '{}' {}: readers of DNS have a user that is nobody else's; mend it with: "
      "useradd --system dnspin-resolver, or a uid that nobody has: resolver_user = \"65533\"",
      account, fault));
}

// What is made meanwhile is that group's, which takes no CAP_CHOWN. Where it cannot be, it is
// root's.
class AsGroup {
 public:
  explicit AsGroup(gid_t group) { Become(group); }
  ~AsGroup() { Become(own_); }
  AsGroup(const AsGroup&) = delete;
  AsGroup& operator=(const AsGroup&) = delete;

 private:
  static void Become(gid_t group) { static_cast<void>(!setegid(group)); }

  const gid_t own_ = getegid();
};

// What is made there is made by root: nobody else may write to it.
absl::Status MakeRunDir(const std::string& run_dir, gid_t group) {
  const AsGroup theirs(group);
  if (mkdir(run_dir.c_str(), 0750) == 0) {
    return absl::OkStatus();
  }
  if (errno != EEXIST) {
    return absl::ErrnoToStatus(errno, "make " + run_dir);
  }
  struct stat status {};
  if (lstat(run_dir.c_str(), &status) < 0 || !S_ISDIR(status.st_mode) || status.st_uid != 0 ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{0} is not a directory that only root may write to; mend it with: "
                    "chown root {0}; chmod go-w {0}",
                    run_dir));
  }
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> ListenAs(gid_t group, const std::string& run_dir) {
  const AsGroup theirs(group);
  return ListenForControl(run_dir);
}

// Four sockets a door and one for each question under way are more than the usual 1,024.
void RaiseDescriptorLimit() {
  constexpr rlim_t kDescriptors = 65536;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_max = std::max(limit.rlim_max, kDescriptors);
    limit.rlim_cur = kDescriptors;
    setrlimit(RLIMIT_NOFILE, &limit);  // what the system does not allow is its own choice
  }
}

}  // namespace

absl::StatusOr<Started> StartAndDropPowers(const StartTerms& terms) {
  Started started;
  if (auto status = FindOwn(terms, started); !status.ok()) {
    return status;
  }
  const auto reader = FindReader(terms.resolver_user, started.user);
  if (!reader.ok()) {
    return reader.status();
  }
  started.reader = *reader;
  RaiseDescriptorLimit();
  if (auto status = MakeRunDir(terms.run_dir, started.user.gid); !status.ok()) {
    return status;
  }
  {
    // First, so that the launcher inherits as little as possible.
    const auto program = OpenReaderProgram();
    if (!program.ok()) {
      return program.status();
    }
    const auto root = MakeEmptyRoot(terms.run_dir);
    if (!root.ok()) {
      return root.status();
    }
    auto launcher = ForkLauncher(
        {started.user, *reader, program->get(), root->get(), terms.reader_descriptors});
    if (!launcher.ok()) {
      return launcher.status();
    }
    started.launcher = *std::move(launcher);
  }
  auto lock = TakeLock();
  if (!lock.ok()) {
    return lock.status();
  }
  started.lock = *std::move(lock);
  auto control = ListenAs(started.user.gid, terms.run_dir);
  if (!control.ok()) {
    return control.status();
  }
  started.control = *std::move(control);
  if (auto status = BecomeUser(started.user, started.user, Capabilities({CAP_NET_ADMIN}));
      !status.ok()) {
    return status;
  }
  return started;
}

void SayWarnings(const Started& started, const std::vector<std::string>& settings, Journal& journal,
                 BootTime now) {
  for (const std::string& warning : started.warnings) {
    journal.Say(Priority::kWarning, warning, now);
  }
  for (const std::string& file : settings) {
    if (access(file.c_str(), F_OK) == 0 && access(file.c_str(), R_OK) != 0) {
      journal.Say(Priority::kWarning,
                  fmt::format("{} is not readable for user {}: it cannot be read anew; mend it "
                              "with: chgrp -R {} and chmod -R g+rX its folder",
                              file, started.user_name, started.user_name),
                  now);
    }
  }
}

}  // namespace dnspin
