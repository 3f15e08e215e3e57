#include "config/qubesdb_mirror.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dnspin::qubesdb {
namespace {

constexpr std::string_view kTargets = "/qubes-firewall/";
constexpr std::string_view kSettings = "/vm-config/";
constexpr std::string_view kFiles = "/vm-config/dnspin.";  // a prefix of strings, not a folder
constexpr std::array kValues = {kConnected, kConnected6, kPrimaryDns, kSecondaryDns, kRebindOk};

absl::Status Disorder(const Message& message) {
  return absl::InvalidArgumentError("QubesDB answers what was not asked: type " +
                                    std::to_string(static_cast<int>(message.type)) + " " +
                                    message.path);
}

absl::Status TooMany(std::string_view what) {
  return absl::ResourceExhaustedError("QubesDB holds too many " + std::string(what));
}

// `/qubes-firewall/ADDRESS/` of `ADDRESS`.
std::string FolderOf(std::string_view address) {
  return std::string(kTargets) + std::string(address) + "/";
}

}  // namespace

std::vector<Message> Mirror::Begin(const std::set<std::string>& targets) {
  begun_ = true;
  std::vector<Message> commands;
  commands.push_back(Ask(Type::kWatch, std::string(kTargets)));
  commands.push_back(Ask(Type::kWatch, std::string(kSettings)));
  for (const std::string_view path : kValues) {
    commands.push_back(Ask(Type::kWatch, std::string(path)));
  }
  first_awaited_.insert(std::string(kFiles));
  commands.push_back(Ask(Type::kMultiread, std::string(kFiles)));
  for (const std::string_view path : kValues) {
    first_awaited_.insert(std::string(path));
    commands.push_back(Ask(Type::kRead, std::string(path)));
  }
  const auto more = Follow(targets, {});
  commands.insert(commands.end(), more.begin(), more.end());
  for (const std::string& address : followed_) {
    triggers_[address] = 1;
  }
  return commands;
}

std::vector<Message> Mirror::Follow(const std::set<std::string>& targets,
                                    const std::set<std::string>& anew) {
  const std::set<std::string> before = std::exchange(followed_, {});
  std::vector<Message> commands;
  for (const std::string& address : targets) {
    const std::string folder = FolderOf(address);
    if (folder.size() > kPathOctetsMax || !IsPath(folder)) {
      continue;  // no qube's
    }
    followed_.insert(address);
    if (before.contains(address) && !anew.contains(address)) {
      continue;
    }
    changes_ += view_.targets.erase(address);
    first_awaited_.insert(folder);
    if (!handled_.contains(address)) {
      ReadAgain(Type::kRead, std::string(kPublishedCounts) + address, commands);
    }
    ReadAgain(Type::kMultiread, folder, commands);
  }
  changes_ += std::erase_if(view_.targets,
                            [&](const auto& target) { return !followed_.contains(target.first); });
  std::erase_if(view_.orders,
                [&](const auto& order) { return !view_.targets.contains(order.first); });
  return commands;
}

Message Mirror::Ask(Type type, std::string path) {
  if (type == Type::kRead || type == Type::kMultiread) {
    awaited_.insert(path);
  }
  questions_.push_back({type, path});
  return {type, std::move(path), {}};
}

Message Mirror::Write(std::string path, std::string data) {
  if (path.starts_with(kPublishedCounts)) {
    handled_[path.substr(kPublishedCounts.size())] = data;
  }
  Message command = Ask(Type::kWrite, std::move(path));
  command.data = std::move(data);
  return command;
}

Message Mirror::Remove(std::string path) { return Ask(Type::kRemove, std::move(path)); }

absl::StatusOr<std::vector<Message>> Mirror::Take(const Message& message) {
  std::vector<Message> commands;
  if (message.type == Type::kWatchFired) {
    TakeEvent(message.path, commands);
  } else if (absl::Status status = TakeAnswer(message, commands); !status.ok()) {
    return status;
  }
  return commands;
}

absl::Status Mirror::TakeAnswer(const Message& message, std::vector<Message>& commands) {
  if (questions_.empty()) {
    return Disorder(message);
  }
  switch (questions_.front().type) {
    case Type::kWatch:
      if (message.type != Type::kOk) {
        return Disorder(message);
      }
      questions_.pop_front();
      return absl::OkStatus();
    case Type::kWrite:
    case Type::kRemove:  // that it did not take it, or had nothing there, harms nobody
      if (message.type != Type::kOk && message.type != Type::kNoEntry &&
          message.type != Type::kError) {
        return Disorder(message);
      }
      questions_.pop_front();
      return absl::OkStatus();
    case Type::kMultiread:
      return message.type == Type::kEntry ? TakeEntry(message, commands) : Disorder(message);
    default:
      if (message.type != Type::kValue && message.type != Type::kNoEntry) {
        return Disorder(message);
      }
      TakeValue(message, commands);
      return absl::OkStatus();
  }
}

absl::Status Mirror::TakeEntry(const Message& message, std::vector<Message>& commands) {
  const std::string path = questions_.front().path;
  if (!message.path.empty()) {
    if (!message.path.starts_with(path)) {
      return Disorder(message);
    }
    entries_[message.path.substr(path.size())] = message.data;
    const size_t most = path == kFiles ? kFilesMax : kEntriesMax;
    return entries_.size() <= most ? absl::OkStatus() : TooMany("entries under " + path);
  }
  questions_.pop_front();
  auto entries = std::exchange(entries_, {});
  if (path == kFiles) {
    changes_ += view_.files == entries ? 0 : 1;
    view_.files = std::move(entries);
  } else {
    const std::string address = path.substr(kTargets.size(), path.size() - kTargets.size() - 1);
    const bool known = view_.targets.contains(address);
    if (!followed_.contains(address)) {
      triggers_.erase(address);
    } else if (!incomplete_.contains(address)) {
      if (!entries.empty() || known) {
        view_.targets[address] = std::move(entries);
        view_.orders[address] = changes_;
        told_[address] += triggers_[address];
        ++changes_;
      }
      triggers_.erase(address);
    }
  }
  EndOfReading(path, commands);
  return absl::OkStatus();
}

void Mirror::TakeValue(const Message& message, std::vector<Message>& commands) {
  const std::string path = questions_.front().path;
  questions_.pop_front();
  if (path.starts_with(kPublishedCounts)) {
    const std::string address = path.substr(kPublishedCounts.size());
    handled_[address] = message.type == Type::kValue ? message.data : "";
    if (const auto early = told_early_.extract(address); !early.empty()) {
      told_[address] += early.mapped();
    }
    EndOfReading(path, commands);
    return;
  }
  const auto before = view_.values;
  if (message.type == Type::kValue) {
    view_.values[path] = message.data;
  } else {
    view_.values.erase(path);
  }
  changes_ += before == view_.values ? 0 : 1;
  EndOfReading(path, commands);
}

void Mirror::EndOfReading(const std::string& path, std::vector<Message>& commands) {
  awaited_.erase(path);
  first_awaited_.erase(path);
  if (again_.erase(path) != 0) {
    const bool one = !path.ends_with('/') && path != kFiles;
    commands.push_back(Ask(one ? Type::kRead : Type::kMultiread, path));
  }
}

void Mirror::TakeEvent(std::string_view path, std::vector<Message>& commands) {
  if (path.starts_with(kTargets)) {
    TakeTargetEvent(path.substr(kTargets.size()), commands);
    return;
  }
  if (path.starts_with(kFiles) || path == kSettings) {
    ReadAgain(Type::kMultiread, std::string(kFiles), commands);
    if (path == kSettings) {
      ReadAgain(Type::kRead, std::string(kRebindOk), commands);
    }
    return;
  }
  for (const std::string_view value : kValues) {
    if (path == value) {
      ReadAgain(Type::kRead, std::string(path), commands);
    }
  }
}

// `ADDRESS`: the trigger. `ADDRESS/`, `ADDRESS/ENTRY`: somebody is in the middle of it. Nothing:
// all are removed.
void Mirror::TakeTargetEvent(std::string_view below, std::vector<Message>& commands) {
  const std::string address(below.substr(0, below.find('/')));
  const std::string folder = FolderOf(address);
  if (folder.size() > kPathOctetsMax) {
    return;  // nothing can stand below it
  }
  if (below.empty()) {
    for (const auto& [target, entries] : view_.targets) {
      incomplete_.insert(target);
    }
  } else if (address.size() == below.size()) {
    incomplete_.erase(address);
    if (followed_.contains(address)) {
      ++triggers_[address];
      ReadAgain(Type::kMultiread, folder, commands);
    } else {
      TellOfUnread(address, commands);
    }
  } else if (incomplete_.size() < kTargetsMax) {
    incomplete_.insert(address);
  }
}

// The target of a qube that is not there counts as handled: nothing has to be done for it.
void Mirror::TellOfUnread(const std::string& address, std::vector<Message>& commands) {
  const std::string path = std::string(kPublishedCounts) + address;
  if (path.size() > kPathOctetsMax || !IsPath(path)) {
    return;
  }
  if (handled_.contains(address)) {
    ++told_[address];
    return;
  }
  if (handled_.size() >= kTargetsMax) {
    std::erase_if(handled_, [&](const auto& count) {
      return !followed_.contains(count.first) && !told_.contains(count.first);
    });
  }
  if (told_early_.size() < kTargetsMax || told_early_.contains(address)) {
    ++told_early_[address];
    ReadAgain(Type::kRead, path, commands);
  }
}

void Mirror::ReadAgain(Type type, const std::string& path, std::vector<Message>& commands) {
  if (awaited_.contains(path)) {
    again_.insert(path);
  } else {
    commands.push_back(Ask(type, path));
  }
}

}  // namespace dnspin::qubesdb
