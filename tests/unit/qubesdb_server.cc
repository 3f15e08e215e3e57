#include "tests/unit/qubesdb_server.h"

#include <gtest/gtest.h>

namespace dnspin::qubesdb {

void Server::Hear(const std::vector<Message>& commands) {
  for (const Message& command : commands) {
    switch (command.type) {
      case Type::kWatch:
        watched_.push_back(command.path);
        said.push_back({Type::kOk, "", ""});
        break;
      case Type::kRead:
        said.push_back(tree.contains(command.path)
                           ? Message{Type::kValue, command.path, tree[command.path]}
                           : Message{Type::kNoEntry, command.path, ""});
        break;
      case Type::kList:
      case Type::kMultiread:
        TellAll(command);
        break;
      case Type::kWrite:
        said.push_back({Type::kOk, "", ""});
        Write(command.path, command.data);
        break;
      default:
        ADD_FAILURE() << "a command that nobody expects";
    }
  }
}

void Server::Write(const std::string& path, const std::string& value) {
  tree[path] = value;
  Fire(path);
}

void Server::Remove(const std::string& path) {
  std::erase_if(tree, [&](const auto& entry) {
    return path.ends_with('/') ? entry.first.starts_with(path) : entry.first == path;
  });
  Fire(path);
}

void Server::TellAll(const Message& command) {
  const Type type = command.type == Type::kList ? Type::kName : Type::kEntry;
  readings += type == Type::kEntry ? 1 : 0;
  for (const auto& [path, value] : tree) {
    if (path.starts_with(command.path)) {
      said.push_back({type, path, type == Type::kEntry ? value : ""});
    }
  }
  said.push_back({type, "", ""});
}

void Server::Fire(const std::string& path) {
  for (const std::string& watched : watched_) {
    if (watched.ends_with('/') ? path.starts_with(watched) : path == watched) {
      said.push_back({Type::kWatchFired, path, ""});
    }
  }
}

}  // namespace dnspin::qubesdb
