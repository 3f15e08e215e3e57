// Runs every file of a corpus folder through a fuzzer's property, so that the seeds are an ordinary
// test with any compiler. A folder without seeds is a failure: it would prove nothing.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

int main(int argc, char** argv) {
  size_t seeds = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(argc > 1 ? argv[1] : "", error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string seed{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s\n", entry.path().c_str());
    std::fflush(stdout);  // the last line names the seed that broke the property
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(seed.data()), seed.size());
    ++seeds;
  }
  std::printf("%zu seeds\n", seeds);
  return seeds == 0 ? 1 : 0;
}
