#include "resolver/stream_listener.h"

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dnspin {
namespace {

constexpr int kAcceptsPerTurn = 8;
constexpr std::chrono::milliseconds kAcceptPause{100};

// Connections are numbered across all listeners of the process: a late answer finds its own or
// none.
uint64_t NextConnection() {
  static uint64_t last = 0;
  return ++last;
}

// Where the client had meant to connect to, before a rule of the firewall sent it here.
std::optional<Address> OriginalDestination(int fd, Family family) {
  static_assert(SO_ORIGINAL_DST == IP6T_SO_ORIGINAL_DST);
  SocketAddress original;
  if (getsockopt(fd, family == Family::kIpv4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, original.get(),
                 &original.octets) < 0) {
    return std::nullopt;
  }
  const auto endpoint = original.Read();
  return endpoint ? std::optional(endpoint->address) : std::nullopt;
}

}  // namespace

StreamListener::StreamListener(Descriptor fd, WatchGroup& watches, Clock& clock,
                               CountersReport& counters, ConnectionCount& count, QuestionRate& rate,
                               TakeMessage take)
    : fd_(std::move(fd)),
      watches_(watches),
      clock_(clock),
      counters_(counters),
      count_(count),
      rate_(rate),
      take_(std::move(take)) {}

absl::Status StreamListener::Start() {
  auto watch = watches_.Add(fd_.get(), [this](Ready) { Accept(clock_.Now()); });
  if (watch.ok()) {
    watch_ = std::move(*watch);
  }
  return watch.status();
}

void StreamListener::SetPlace(const ClientPlace& place) {
  place_ = place;
  for (auto& [id, entry] : connections_) {
    if (!place_.Holds(entry.connection.path().client.address)) {
      entry.connection.HangUp();
    }
  }
}

void StreamListener::Accept(BootTime now) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (rate_.Left(now) == 0) {
      AcceptLater(rate_.NextLook(now));
      return;
    }
    SocketAddress from;
    Descriptor fd(accept4(fd_.get(), from.get(), &from.octets, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        AcceptLater(now + kAcceptPause);
      }
      return;
    }
    rate_.Spend(now);  // a connection is as much work as a question, whatever comes by it
    const auto client = from.Read();
    const bool known = client && place_.Holds(client->address);
    if (known && count_.open < count_.max) {
      Add(std::move(fd), *client, now);
    } else {
      counters_.over_connections += known ? 1 : 0;
      CountNotTaken();
    }
  }
}

// It stays ready, and asking again at once would only spin.
void StreamListener::AcceptLater(BootTime when) {
  watch_.WantRead(false);
  accept_again_ = when;
}

// Whatever it would have said.
void StreamListener::CountNotTaken() {
  ++counters_.received;
  Count(Ending::kDropped, counters_);
}

void StreamListener::Add(Descriptor fd, const Endpoint& client, BootTime now) {
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const uint64_t id = NextConnection();
  ReturnPath path;
  path.transport = Transport::kTcp;
  path.client = client;
  path.connection = id;
  path.destination = OriginalDestination(fd.get(), client.address.family());
  auto watch = watches_.Add(fd.get(), [this, id](Ready ready) { OnReady(id, ready); });
  if (!watch.ok()) {
    CountNotTaken();
    return;
  }
  connections_.emplace(
      id, Entry{StreamConnection(std::move(fd), path, counters_, now), std::move(*watch)});
  ++count_.open;
}

void StreamListener::OnReady(uint64_t id, Ready ready) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;
  }
  StreamConnection& connection = found->second.connection;
  const BootTime now = clock_.Now();
  if (ready.readable && !connection.WantsRead()) {
    connection.HangUp();  // nobody waits for octets: it is an error, or both sides are shut
  } else if (ready.readable) {
    connection.Read(now);
    TakeMessages(found->second, now);
  }
  found->second.changed = true;
}

void StreamListener::TakeMessages(Entry& entry, BootTime now) {
  StreamConnection& connection = entry.connection;
  while (connection.HasNext() && rate_.Left(now) > 0) {
    const auto message = connection.Next(now);
    if (!message) {
      break;
    }
    rate_.Spend(now);
    const std::span octets(reinterpret_cast<const uint8_t*>(message->data()), message->size());
    if (!take_(octets, connection.path())) {
      connection.Ignore();
    }
  }
  const bool waited = std::exchange(entry.waits, connection.HasNext());
  if (entry.waits) {
    counters_.over_rate += waited ? 0 : 1;
    take_again_ = rate_.NextLook(now);
  }
}

bool StreamListener::Answer(uint64_t connection, const std::string& message, Ending ending,
                            BootTime now) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) {
    return false;
  }
  found->second.connection.Answer(message, ending, now);
  found->second.changed = true;
  return true;
}

void StreamListener::Settle(BootTime now) {
  if (accept_again_ && *accept_again_ <= now) {
    accept_again_.reset();
    watch_.WantRead(true);
  }
  const bool take_again = take_again_ && *take_again_ <= now;
  if (take_again) {
    take_again_.reset();
  }
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto entry = next++;
    StreamConnection& connection = entry->second.connection;
    const bool waited = take_again && entry->second.waits;
    if (std::exchange(entry->second.changed, false) || waited) {
      TakeMessages(entry->second, now);
      connection.Write(now);
      entry->second.watch.WantRead(connection.WantsRead() && !entry->second.waits);
      entry->second.watch.WantWrite(connection.WantsWrite());
    }
    if (connection.Ended(now)) {
      connection.DropUnsent();
      connections_.erase(entry);
      --count_.open;
    }
  }
}

std::optional<BootTime> StreamListener::NextDeadline() const {
  BootTime deadline =
      std::min(accept_again_.value_or(BootTime::max()), take_again_.value_or(BootTime::max()));
  for (const auto& [id, entry] : connections_) {
    deadline = std::min(deadline, entry.connection.Deadline());
  }
  return deadline == BootTime::max() ? std::nullopt : std::optional(deadline);
}

}  // namespace dnspin
