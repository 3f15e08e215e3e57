#include "nft/followed_servers.h"

#include <fmt/format.h>

#include <algorithm>

namespace dnspin {

void FollowedServers::Adopt(Desired& desired, const Desired& in_force, BootTime now) {
  if (!desired.upstreams_followed || !desired.upstreams.empty()) {
    return;
  }
  if (in_force.upstreams_followed) {
    desired.upstreams = in_force.upstreams;
  }
  due_ = now;
}

void FollowedServers::FileChanged(BootTime now) {
  due_ = std::min(due_.value_or(now + kCalm), now + kCalm);
}

FollowedServers::Reading FollowedServers::Expire(const Desired& in_force, BootTime now) {
  if (!due_ || *due_ > now) {
    return {};
  }
  due_.reset();
  if (!in_force.upstreams_followed) {
    return {};
  }
  auto servers = read_();
  if (!servers.ok() || servers->empty()) {
    return Doubt(servers.status(), in_force, now);
  }
  empty_since_.reset();
  warned_ = false;
  if (*servers == in_force.upstreams) {
    return {};
  }
  return {*std::move(servers), {}};
}

// Whoever writes the file may be in the middle of it. What cannot be read is tried again without
// end; what is gone or empty is believed in the end.
FollowedServers::Reading FollowedServers::Doubt(const absl::Status& status, const Desired& in_force,
                                                BootTime now) {
  Reading reading;
  if (!std::exchange(warned_, true)) {
    reading.warning = fmt::format(
        "resolv.conf {}: {}", status.ok() ? "names no server" : std::string(status.message()),
        in_force.upstreams.empty() ? "there is no upstream"
                                   : "the upstreams of before stay for now");
  }
  if (!status.ok() && !absl::IsNotFound(status)) {
    empty_since_.reset();
    due_ = now + kDoubt;
    return reading;
  }
  empty_since_ = empty_since_.value_or(now);
  if (now - *empty_since_ < kDoubt) {
    due_ = *empty_since_ + kDoubt;
  } else if (!in_force.upstreams.empty()) {
    reading.servers.emplace();
  }
  return reading;
}

}  // namespace dnspin
