// Writes the time (nanoseconds of the monotonic clock) to a file and becomes another program: from
// there on it is that one's time.
//
//   bench-begin FILE PROGRAM [ARGUMENT]...

#include <unistd.h>

#include <cstdio>
#include <ctime>

int main(int argc, char** argv) {
  std::FILE* const file = argc > 2 ? std::fopen(argv[1], "w") : nullptr;
  if (file == nullptr) {
    return 2;
  }
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::fprintf(file, "%lld\n", now.tv_sec * 1'000'000'000LL + now.tv_nsec);
  if (std::fclose(file) != 0) {
    return 1;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 1;
}
