#include "resolver/teller.h"

#include <gtest/gtest.h>

#include "resolver/wire.h"
#include "tests/unit/dns_bytes.h"

namespace dnspin {
namespace {

using bytes::Host;
using bytes::N;
using bytes::Octets;
using bytes::V4;

struct Sink final : ReplySink {
  explicit Sink(CountersReport& counters) : counters_(counters) {}
  void Send(const ReturnPath&, std::string message, Ending ending) override {
    sent.push_back(std::move(message));
    Count(ending, counters_);
  }
  void Release(const ReturnPath&, Ending ending) override {
    ++released;
    Count(ending, counters_);
  }
  std::vector<std::string> sent;
  int released = 0;

 private:
  CountersReport& counters_;
};

struct Reports final : DistantFirewall {
  void Request(const PinRequest&) override { ADD_FAILURE() << "a teller pins nothing"; }
  bool Grant(const GrantRequest&) override { return false; }
  bool Drop(const std::vector<DropAddresses>&) override { return false; }
  void Report(const RefusalReport& report) override { reports.push_back(report); }
  void Report(const AnswerReport& /*report*/) override {}
  std::vector<RefusalReport> reports;
};

class TellerTest : public testing::Test {
 protected:
  TellerTest() {
    waiter.question.asked_wire = N("www.example.com");
    waiter.question.asked = Host("www.example.com");
    waiter.question.type = dns::kA;
    reply.answer = {AddressRecord(1), AddressRecord(2)};
  }
  static Record AddressRecord(uint8_t last) {
    return {Host("www.example.com"), dns::kA, dns::kIn, 60, V4(192, 0, 2, last)};
  }
  Answer Heard() const { return *ReadAnswer(Octets(sink.sent.at(0))); }

  CountersReport counters;
  Sink sink{counters};
  Reports firewall;
  Teller teller{sink, firewall, counters};
  Waiter waiter;
  Reply reply;
  const std::vector<Address> both = {*Address::Parse("192.0.2.1"), *Address::Parse("192.0.2.2")};
};

TEST_F(TellerTest, WhatIsConfirmedIsTold) {
  teller.Tell(waiter, reply, Standing::kPinned, both);
  EXPECT_EQ(Heard().answer.size(), 2U);
  EXPECT_EQ(counters.answered, 1U);
  EXPECT_EQ(counters.answers_released_unpinned, 0U);
}

TEST_F(TellerTest, OneAddressThatIsNotConfirmedIsABugAndIsNotTold) {
  const std::vector<Address> one = {both[0]};
  for (const auto& confirmed : {one, std::vector<Address>()}) {
    sink.sent.clear();
    teller.Tell(waiter, reply, Standing::kPinned, confirmed);
    EXPECT_EQ(Heard().rcode, dns::kServFail);
    EXPECT_TRUE(Heard().answer.empty());
  }
  reply.authority.push_back(AddressRecord(3));
  sink.sent.clear();
  teller.Tell(waiter, reply, Standing::kPinned, both);
  EXPECT_EQ(Heard().rcode, dns::kServFail) << "an address in another section";
  EXPECT_EQ(counters.answers_released_unpinned, 3U);
  EXPECT_EQ(counters.failed, 3U);
}

TEST_F(TellerTest, TheOrderOfRecordsIsOfNoMatterNorHowOftenOneComes) {
  const struct {
    std::vector<uint8_t> last;
    bool told;
  } rows[] = {
      {{1, 2}, true},     {{2, 1}, true},     {{2}, true},        {{1, 1, 2, 2, 1}, true},
      {{1, 2, 3}, false}, {{3, 1, 2}, false}, {{1, 3, 2}, false}, {{2, 1, 3}, false},
  };
  size_t kept = 0;
  for (const auto& row : rows) {
    sink.sent.clear();
    reply.answer.clear();
    for (const uint8_t last : row.last) {
      reply.answer.push_back(AddressRecord(last));
    }
    teller.Tell(waiter, reply, Standing::kPinned, both);
    EXPECT_EQ(Heard().rcode, row.told ? dns::kNoError : dns::kServFail);
    EXPECT_EQ(Heard().answer.size(), row.told ? row.last.size() : 0U);
    kept += row.told ? 0 : 1;
  }
  EXPECT_EQ(counters.answers_released_unpinned, kept);
}

TEST_F(TellerTest, AHintIsAnAddressToo) {
  using bytes::U16;
  const auto hints = [](const std::string& value) {
    return U16(1) + N("") + U16(4) + U16(value.size()) + value;
  };
  const struct {
    std::string rdata;
    bool told;
  } rows[] = {
      {U16(1) + N(""), true},
      {hints(V4(192, 0, 2, 1) + V4(192, 0, 2, 2)), true},
      {hints(V4(192, 0, 2, 1) + V4(192, 0, 2, 3)), false},
      {hints(V4(192, 0, 2, 3)), false},
  };
  for (const uint16_t type : {dns::kHttps, dns::kSvcb}) {
    for (const auto& row : rows) {
      sink.sent.clear();
      reply.answer = {{Host("www.example.com"), type, dns::kIn, 60, row.rdata}};
      teller.Tell(waiter, reply, Standing::kPinned, both);
      EXPECT_EQ(Heard().rcode, row.told ? dns::kNoError : dns::kServFail);
    }
  }
  EXPECT_EQ(counters.answers_released_unpinned, 4U);
}

TEST_F(TellerTest, OfANameThatIsNotPinnedNothingNeedsConfirming) {
  teller.Tell(waiter, reply, Standing::kAnswered);
  EXPECT_EQ(Heard().answer.size(), 2U);
  EXPECT_EQ(counters.answers_released_unpinned, 0U);
}

TEST_F(TellerTest, WhatWasBroughtGoesOnOnlyIfItSaysJustThis) {
  const auto bring = [&](std::vector<Record> records, bool beside) {
    Answer answer{dns::kNoError, waiter.question.asked, dns::kA, std::move(records), {}};
    waiter.brought = std::make_shared<const HeldAnswer>(HeldAnswer{std::move(answer), beside});
  };
  bring(reply.answer, false);
  teller.Tell(waiter, reply, Standing::kPinned, both);
  EXPECT_EQ(sink.released, 1);
  EXPECT_TRUE(sink.sent.empty());
  bring(reply.answer, true);
  teller.Tell(waiter, reply, Standing::kPinned, both);
  bring({AddressRecord(1), AddressRecord(2), AddressRecord(3)}, false);
  teller.Tell(waiter, reply, Standing::kPinned, both);
  bring(reply.answer, false);
  teller.Tell(waiter, reply, Standing::kPinned, std::span(both).first(1));  // a bug of ours
  teller.Fail(waiter, dns::kEdeNotReady);
  EXPECT_EQ(sink.released, 1);
  EXPECT_EQ(sink.sent.size(), 4U);
  EXPECT_EQ(counters.answers_released_unpinned, 1U);
}

TEST_F(TellerTest, RefusalsAreReportedAndAllIsCounted) {
  teller.Refuse(waiter, dns::kEdeBlocked);
  teller.Fail(waiter, dns::kEdeNotReady);
  reply.answer.clear();
  reply.rcode = dns::kNxDomain;
  teller.Tell(waiter, reply, Standing::kPinned);
  reply.rcode = dns::kNoError;
  reply.ede = dns::kEdeFiltered;
  teller.Tell(waiter, reply, Standing::kPinned);
  EXPECT_EQ(counters.refused, 1U);
  EXPECT_EQ(counters.failed, 1U);
  EXPECT_EQ(counters.answered, 2U);
  EXPECT_EQ(firewall.reports,
            (std::vector<RefusalReport>{{dns::kEdeBlocked, Host("www.example.com")},
                                        {dns::kEdeFiltered, Host("www.example.com")}}));
}

}  // namespace
}  // namespace dnspin
