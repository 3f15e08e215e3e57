// Any octets are read as resolv.conf. What must hold: there are at most as many servers as may be,
// each stands in a line that says so, the others have no say, and what is read can be written
// again.
#include <string>
#include <string_view>

#include "config/resolv_conf.h"
#include "config/text_file.h"
#include "pinning/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace dnspin;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto servers = ReadNameservers(text);
  DNSPIN_CHECK(servers.size() <= kNameserversMax);
  std::string written;
  for (const Endpoint& server : servers) {
    DNSPIN_CHECK(server.port == 53);
    written += "nameserver " + server.address.Text() + "\n";
  }
  DNSPIN_CHECK(ReadNameservers(written) == servers);
  std::string named;
  for (const std::string_view line : SplitLines(text)) {
    if (line.starts_with("nameserver ") || line.starts_with("nameserver\t")) {
      named += std::string(line) + "\r\n";  // a line may end in one more CR
    }
  }
  DNSPIN_CHECK(ReadNameservers(named) == servers);
  return 0;
}
