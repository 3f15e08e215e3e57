#pragma once
// Knows: the questions of a file, one after the other, round and round. Touches: that file.
//
// A line is `NAME TYPE`, as dnsperf has them; TYPE is A, AAAA or HTTPS.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dnspin::bench {

class Questions {
 public:
  static constexpr size_t kOctets = 300;

  explicit Questions(const char* path);  // ends the program where it cannot be read
  void Skip(size_t lines);
  // Writes the next one; returns its length.
  size_t Write(uint8_t* message, uint16_t id);
  size_t rounds() const { return rounds_; }  // that are over: names come again

 private:
  std::string_view NextLine();

  std::string_view text_;
  size_t at_ = 0, rounds_ = 0;
};

}  // namespace dnspin::bench
