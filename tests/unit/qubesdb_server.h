#pragma once
// Knows: what a QubesDB server answers, without its socket. Touches nothing.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "config/qubesdb_message.h"

namespace dnspin::qubesdb {

// A server of the protocol: one sorted tree. Its answers wait until the story lets them arrive.
class Server {
 public:
  std::map<std::string, std::string> tree;
  std::deque<Message> said;

  void Hear(const std::vector<Message>& commands);
  void Write(const std::string& path, const std::string& value);
  void Remove(const std::string& path);
  size_t readings = 0;  // of many entries at once

 private:
  void TellAll(const Message& command);
  void Fire(const std::string& path);
  std::vector<std::string> watched_;
};

}  // namespace dnspin::qubesdb
