// Returns each question with QR and RA set: what any DNS server pays for UDP on this machine.
//
//   bench-echo ADDRESS PORT BATCH

#include <memory>

#include "bench/compare/load/datagrams.h"

int main(int argc, char** argv) {
  using dnspin::bench::DatagramBatch;
  using dnspin::bench::NumberOf;
  if (argc != 4) {
    return 2;
  }
  const int socket =
      dnspin::bench::BoundSocket(dnspin::bench::AddressOf(argv[1], NumberOf(argv[2], 1, 65535)));
  const auto batch =
      std::make_unique<DatagramBatch>(NumberOf(argv[3], 1, int{DatagramBatch::kMost}));
  for (;;) {
    const size_t count = batch->Receive(socket);
    for (size_t i = 0; i < count; ++i) {
      if (batch->At(i).size() >= 12) {
        batch->At(i)[2] |= 0x80;
        batch->At(i)[3] |= 0x80;
      }
    }
    batch->SendBack(socket);
  }
}
