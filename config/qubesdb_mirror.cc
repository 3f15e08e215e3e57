#include "config/qubesdb_mirror.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dnspin::qubesdb {
namespace {

constexpr std::string_view kTargets = "/qubes-firewall/";
constexpr std::string_view kSettings = "/vm-config/";
constexpr std::string_view kFiles = "/vm-config/dnspin.";  // a prefix of strings, not a folder
constexpr std::string_view kHandled = "/qubes-firewall-handled/";
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

std::vector<Message> Mirror::Begin() {
  begun_ = true;
  list_awaited_ = true;
  std::vector<Message> commands;
  commands.push_back(Ask(Type::kWatch, std::string(kTargets)));
  commands.push_back(Ask(Type::kWatch, std::string(kSettings)));
  for (const std::string_view path : kValues) {
    commands.push_back(Ask(Type::kWatch, std::string(path)));
  }
  commands.push_back(Ask(Type::kList, std::string(kTargets)));
  first_awaited_.insert(std::string(kFiles));
  commands.push_back(Ask(Type::kMultiread, std::string(kFiles)));
  first_awaited_.insert(std::string(kHandled));
  commands.push_back(Ask(Type::kMultiread, std::string(kHandled)));
  for (const std::string_view path : kValues) {
    first_awaited_.insert(std::string(path));
    commands.push_back(Ask(Type::kRead, std::string(path)));
  }
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
    case Type::kList:
      return message.type == Type::kName ? TakeName(message, commands) : Disorder(message);
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

// The targets that are there, each of which is read.
absl::Status Mirror::TakeName(const Message& message, std::vector<Message>& commands) {
  if (message.path.empty()) {
    questions_.pop_front();
    list_awaited_ = false;
    return absl::OkStatus();
  }
  if (!message.path.starts_with(kTargets)) {
    return Disorder(message);
  }
  const std::string_view below = std::string_view(message.path).substr(kTargets.size());
  const std::string folder = FolderOf(below.substr(0, below.find('/')));
  if (first_awaited_.size() >= kTargetsMax) {
    return TooMany("targets");
  }
  if (folder.size() <= kPathOctetsMax && !below.empty() && !awaited_.contains(folder)) {
    first_awaited_.insert(folder);
    commands.push_back(Ask(Type::kMultiread, folder));
  }
  return absl::OkStatus();
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
  } else if (path == kHandled) {
    handled_ = std::move(entries);
  } else {
    const std::string address = path.substr(kTargets.size(), path.size() - kTargets.size() - 1);
    const bool known = view_.targets.contains(address);
    if (!incomplete_.contains(address) && (!entries.empty() || known)) {
      if (!known && view_.targets.size() >= kTargetsMax) {
        return TooMany("targets");
      }
      view_.targets[address] = std::move(entries);
      view_.orders[address] = changes_;
      told_[address] += std::max(first_awaited_.contains(path) ? 1U : 0U, triggers_[address]);
      triggers_.erase(address);
      ++changes_;
    }
  }
  EndOfReading(path, commands);
  return absl::OkStatus();
}

void Mirror::TakeValue(const Message& message, std::vector<Message>& commands) {
  const std::string path = questions_.front().path;
  questions_.pop_front();
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
    if (triggers_.size() >= kTargetsMax && !triggers_.contains(address)) {
      return;  // so many are under way already
    }
    ++triggers_[address];
    ReadAgain(Type::kMultiread, folder, commands);
  } else if (incomplete_.size() < kTargetsMax) {
    incomplete_.insert(address);
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
