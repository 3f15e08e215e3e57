#include "bench/compare/load/questions.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dnspin::bench {
namespace {

constexpr uint8_t kRecursionDesired = 1;

uint8_t TypeOf(std::string_view word) { return word == "AAAA" ? 28 : word == "HTTPS" ? 65 : 1; }

}  // namespace

Questions::Questions(const char* path) {
  struct stat status {};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) {
    std::perror(path);
    std::exit(1);
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* text = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (text == MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr): the macro
    std::perror("mmap");
    std::exit(1);
  }
  text_ = {static_cast<const char*>(text), size};
}

void Questions::Skip(size_t lines) {
  while (lines-- > 0) {
    NextLine();
  }
}

size_t Questions::Write(uint8_t* message, uint16_t id) {
  const std::string_view line = NextLine();
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view name = line.substr(0, std::min(space, size_t{253}));
  std::memset(message, 0, 12);
  message[0] = static_cast<uint8_t>(id >> 8);
  message[1] = static_cast<uint8_t>(id);
  message[2] = kRecursionDesired;
  message[5] = 1;
  size_t at = 12;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    message[at++] = static_cast<uint8_t>(end - begin);
    std::memcpy(message + at, name.data() + begin, end - begin);
    at += end - begin;
    begin = end + 1;
  }
  message[at++] = 0;
  message[at++] = 0;
  message[at++] = TypeOf(line.substr(std::min(space + 1, line.size())));
  message[at++] = 0;
  message[at++] = 1;
  return at;
}

std::string_view Questions::NextLine() {
  if (at_ >= text_.size()) {
    at_ = 0;
    ++rounds_;
  }
  const size_t end = std::min(text_.find('\n', at_), text_.size());
  const std::string_view line = text_.substr(at_, end - at_);
  at_ = end + 1;
  return line;
}

}  // namespace dnspin::bench
