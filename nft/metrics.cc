#include "nft/metrics.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <set>

#include "nft/control_reply.h"

namespace dnspin {
namespace {

struct ClientMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  uint64_t (*value)(const ServedClient& client);
};

constexpr std::array kClientMetrics = {
    ClientMetric{
        "dnspin_received_total", "counter",
        "Packets and messages of the client; each is answered, refused, failed or dropped.",
        [](const ServedClient& c) { return c.Totals().received; }},
    ClientMetric{"dnspin_questions_total", "counter", "Well-formed questions of the client.",
                 [](const ServedClient& c) { return c.Totals().questions; }},
    ClientMetric{"dnspin_answered_total", "counter", "Answers sent, NOERROR or NXDOMAIN.",
                 [](const ServedClient& c) { return c.Totals().answered; }},
    ClientMetric{"dnspin_refused_total", "counter", "Questions refused by the client's rules.",
                 [](const ServedClient& c) { return c.Totals().refused; }},
    ClientMetric{"dnspin_failed_total", "counter",
                 "Questions that ended in SERVFAIL or another error.",
                 [](const ServedClient& c) { return c.Totals().failed; }},
    ClientMetric{"dnspin_dropped_total", "counter",
                 "What got no reply: malformed, spoofed, too many.",
                 [](const ServedClient& c) { return c.Totals().dropped; }},
    ClientMetric{"dnspin_cache_hits_total", "counter", "Questions answered from the cache.",
                 [](const ServedClient& c) { return c.Totals().cache_hits; }},
    ClientMetric{"dnspin_upstream_questions_total", "counter", "Questions sent to upstreams.",
                 [](const ServedClient& c) { return c.Totals().upstream_questions; }},
    ClientMetric{"dnspin_over_rate_total", "counter",
                 "Datagrams dropped because they came faster than they are read.",
                 [](const ServedClient& c) { return c.Totals().over_rate; }},
    ClientMetric{"dnspin_over_in_flight_total", "counter",
                 "Questions failed because too many waited.",
                 [](const ServedClient& c) { return c.Totals().over_in_flight; }},
    ClientMetric{"dnspin_over_connections_total", "counter",
                 "Connections not taken because too many were open.",
                 [](const ServedClient& c) { return c.Totals().over_connections; }},
    ClientMetric{"dnspin_over_names_total", "counter",
                 "Questions refused because they were for too many new names under one pattern.",
                 [](const ServedClient& c) { return c.Totals().over_names; }},
    ClientMetric{"dnspin_forgeries_total", "counter",
                 "Datagrams ignored that came for an upstream's answer and were not it.",
                 [](const ServedClient& c) { return c.Totals().forgeries; }},
    ClientMetric{"dnspin_held_overruns_total", "counter",
                 "Times that answers came to the queue faster than they were read; some were lost.",
                 [](const ServedClient& c) { return c.Totals().held_overruns; }},
    ClientMetric{"dnspin_answers_released_unpinned_total", "counter",
                 "Answers told with an address that was not pinned. Stays 0.",
                 [](const ServedClient& c) { return c.Totals().answers_released_unpinned; }},
    ClientMetric{"dnspin_pins_refused_total", "counter",
                 "Pins not made: a quota was reached or the kernel refused.",
                 [](const ServedClient& c) { return c.pins_refused; }},
    ClientMetric{"dnspin_grants_left_out_total", "counter",
                 "Targets of answers that may not be asked: too many, or too late.",
                 [](const ServedClient& c) { return c.grants_left_out; }},
    ClientMetric{"dnspin_channel_breaches_total", "counter",
                 "Readers ended because they broke the channel's protocol.",
                 [](const ServedClient& c) { return c.breaches; }},
    ClientMetric{"dnspin_pins", "gauge", "Addresses pinned now.",
                 [](const ServedClient& c) { return uint64_t{c.ledger.pins().size()}; }},
    ClientMetric{"dnspin_grants", "gauge", "Targets of answers that may be asked.",
                 [](const ServedClient& c) { return uint64_t{c.grants.size()}; }},
};

void PutHead(std::string& text, std::string_view name, std::string_view type,
             std::string_view help) {
  text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

struct UpstreamCounter {
  std::string_view name;
  std::string_view help;
  uint64_t UpstreamHealth::*count;
};

constexpr std::array kUpstreamCounters = {
    UpstreamCounter{"dnspin_upstream_answers_total", "Answers that came from this upstream.",
                    &UpstreamHealth::answers},
    UpstreamCounter{"dnspin_upstream_failures_total",
                    "Questions that this upstream did not answer in time.",
                    &UpstreamHealth::failures},
};

// Of those that were asked. By client as well: a counter never falls, and one that goes takes its
// own along.
void PutUpstreams(std::string& text, const ControlView& view) {
  std::set<Endpoint> upstreams;  // the configuration may say one twice
  for (const Upstream& upstream : view.upstreams) {
    upstreams.insert(upstream.endpoint);
  }
  PutHead(text, "dnspin_upstream_up", "gauge",
          "Whether this upstream has answered what it was asked last.");
  for (const Endpoint& upstream : upstreams) {
    if (const auto health = HealthOf(view.clients, upstream)) {
      text += fmt::format("dnspin_upstream_up{{upstream=\"{}\"}} {}\n", upstream.Text(),
                          health->failing ? 0 : 1);
    }
  }
  PutHead(text, "dnspin_upstream_round_trip_seconds", "gauge",
          "How long this upstream took to answer, smoothed.");
  for (const Endpoint& upstream : upstreams) {
    const auto health = HealthOf(view.clients, upstream);
    if (health && health->answered) {
      text +=
          fmt::format("dnspin_upstream_round_trip_seconds{{upstream=\"{}\"}} {:.6f}\n",
                      upstream.Text(), std::chrono::duration<double>(health->round_trip).count());
    }
  }
  for (const UpstreamCounter& counter : kUpstreamCounters) {
    PutHead(text, counter.name, "counter", counter.help);
    for (const auto& [id, client] : view.clients) {
      for (const auto& [upstream, health] : client.upstreams) {
        if (upstreams.contains(upstream)) {
          text += fmt::format("{}{{client=\"{}\",upstream=\"{}\"}} {}\n", counter.name,
                              client.desired.name, upstream.Text(), health.*counter.count);
        }
      }
    }
  }
}

}  // namespace

std::vector<Metric> TotalsOf(const ControlView& view) {
  std::vector<Metric> totals;
  for (const ClientMetric& metric : kClientMetrics) {
    // `dnspin_questions_total` is `questions` here.
    std::string name(metric.name.substr(std::string_view("dnspin_").size()));
    if (name.ends_with("_total")) {
      name.resize(name.size() - std::string_view("_total").size());
    }
    Metric total{std::move(name), 0};
    for (const auto& [id, client] : view.clients) {
      total.value += metric.value(client);
    }
    totals.push_back(std::move(total));
  }
  totals.push_back({"readers_restarted", view.readers.restarted});
  const auto& ended = view.readers.ended;
  totals.push_back({"readers_ended", std::accumulate(ended.begin(), ended.end(), uint64_t{0})});
  totals.push_back({"commits_failed", view.commits_failed});
  totals.push_back({"log_lines_dropped", view.log_lines_dropped});
  totals.push_back({"reloads", view.reloads});
  return totals;
}

std::string PrometheusText(const ControlView& view) {
  std::string text;
  const auto head = [&text](std::string_view name, std::string_view type, std::string_view help) {
    PutHead(text, name, type, help);
  };
  for (const ClientMetric& metric : kClientMetrics) {
    head(metric.name, metric.type, metric.help);
    for (const auto& [id, client] : view.clients) {
      text += fmt::format("{}{{client=\"{}\"}} {}\n", metric.name, client.desired.name,
                          metric.value(client));
    }
  }
  const auto single = [&](std::string_view name, std::string_view help, uint64_t value) {
    head(name, "counter", help);
    text += fmt::format("{} {}\n", name, value);
  };
  single("dnspin_readers_restarted_total", "Readers started anew after one ended.",
         view.readers.restarted);
  head("dnspin_readers_ended_total", "counter",
       "Readers that ended: by their system call filter, killed, by a crash, by themselves.");
  for (size_t i = 0; i < ReaderTally::kReasons.size(); ++i) {
    text += fmt::format("dnspin_readers_ended_total{{reason=\"{}\"}} {}\n",
                        ReaderTally::kReasons[i], view.readers.ended[i]);
  }
  single("dnspin_commits_failed_total", "Pin requests that the kernel did not take.",
         view.commits_failed);
  single("dnspin_log_lines_dropped_total", "Log lines left out for a client's budget.",
         view.log_lines_dropped);
  single("dnspin_reloads_total", "Times the rules were read anew and put in force.", view.reloads);
  PutUpstreams(text, view);
  return text;
}

}  // namespace dnspin
