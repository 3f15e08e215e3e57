// The limit of pinning: answers each question itself with an address made of the name, and first
// adds that address to a set, in one transaction for all questions that came at once. With `late`
// the answer goes first and the pin follows: what a race test has to notice.
//
//   bench-pinecho ADDRESS PORT BATCH TABLE SET [late]

#include <arpa/inet.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "bench/compare/load/datagrams.h"
#include "bench/compare/load/pin_transaction.h"

namespace dnspin::bench {
namespace {

constexpr uint32_t kTtl = 300;
constexpr size_t kRecordOctets = 16;

// As on the wire. Of `nN-TAG.race` the one that the upstream would say, where somebody answers.
uint32_t AddressFor(std::string_view first, std::string_view second, uint32_t hash) {
  if (second == "race") {
    const auto number = static_cast<uint32_t>(std::atoi(first.data() + 1));
    return htonl((10U << 24 | 137U << 16 | 128U << 8) + 1 + number % 32000);
  }
  return htonl(0x0a400000U | ((hash ^ hash >> 13) & 0x3fffffU));
}

// Makes the question an answer. Returns its address; 0 for what is no question.
uint32_t AnswerInPlace(DatagramBatch& batch, size_t i) {
  const auto message = batch.At(i);
  std::string_view labels[2];
  uint32_t hash = 2166136261U;
  size_t at = 12;
  for (size_t count = 0; at < message.size() && message[at] != 0; at += message[at] + 1U, ++count) {
    const std::string_view label(reinterpret_cast<const char*>(&message[at]) + 1, message[at]);
    if (at + label.size() >= message.size()) {
      return 0;
    }
    for (const char c : label) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
    }
    if (count < 2) {
      labels[count] = label;
    }
  }
  if (at + 5 > message.size() || labels[0].empty()) {
    return 0;
  }
  const uint32_t address = AddressFor(labels[0], labels[1], hash);
  constexpr uint8_t kHead[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, kTtl >> 8, kTtl & 0xff, 0, 4};
  message[2] |= 0x80;
  message[3] = 0x80;
  std::memset(&message[6], 0, 6);
  message[7] = 1;
  uint8_t* record = batch.Room(i) + at + 5;
  std::memcpy(record, kHead, sizeof(kHead));
  std::memcpy(record + sizeof(kHead), &address, sizeof(address));
  batch.Resize(i, at + 5 + kRecordOctets);
  return address;
}

[[noreturn]] void Serve(int socket, DatagramBatch& batch, PinTransaction& pins, bool late) {
  for (;;) {
    const size_t count = batch.Receive(socket);
    pins.Begin();
    for (size_t i = 0; i < count; ++i) {
      const uint32_t address =
          batch.At(i).size() + kRecordOctets > DatagramBatch::kOctets ? 0 : AnswerInPlace(batch, i);
      if (address == 0) {
        batch.Resize(i, 0);
      } else {
        pins.Add(address);
      }
    }
    if (late) {
      batch.SendBack(socket);
    }
    pins.Commit();
    if (!late) {
      batch.SendBack(socket);
    }
  }
}

}  // namespace
}  // namespace dnspin::bench

int main(int argc, char** argv) {
  using namespace dnspin::bench;  // NOLINT
  if (argc < 6) {
    return 2;
  }
  const int socket = BoundSocket(AddressOf(argv[1], NumberOf(argv[2], 1, 65535)));
  const auto batch = std::make_unique<DatagramBatch>(NumberOf(argv[3], 1, 256));
  const auto pins = std::make_unique<PinTransaction>(argv[4], argv[5], kTtl);
  Serve(socket, *batch, *pins, argc > 6 && std::string_view(argv[6]) == "late");
}
