// A recursive server that knows every name below pin.example, and is faster than who asks it.
//
//   bench-upstream ADDRESS PORT

#include <memory>

#include "bench/compare/load/datagrams.h"
#include "bench/compare/load/upstream_answer.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  const int socket = dnspin::bench::BoundSocket(
      dnspin::bench::AddressOf(argv[1], dnspin::bench::NumberOf(argv[2], 1, 65535)));
  const auto batch = std::make_unique<dnspin::bench::DatagramBatch>(64);
  static_assert(dnspin::bench::DatagramBatch::kOctets >= dnspin::bench::kAnswerOctets);
  for (;;) {
    const size_t count = batch->Receive(socket);
    for (size_t i = 0; i < count; ++i) {
      const size_t octets = batch->At(i).size();
      batch->Resize(i, octets > 512 ? 0 : dnspin::bench::Answer(batch->Room(i), octets));
    }
    batch->SendBack(socket);
  }
}
