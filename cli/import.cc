#include "cli/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/commands.h"
#include "cli/reply.h"
#include "cli/service_word.h"
#include "config/client_file.h"
#include "config/text_file.h"
#include "io/descriptor.h"

namespace dnspin {
namespace {

using Clients = std::vector<Imported>;

struct Format {
  std::string_view name;
  Clients (*read)(const std::string& source, std::string_view text, const ImportTerms& terms);
};

template <Imported (*Read)(const std::string&, std::string_view, const ImportTerms&)>
Clients One(const std::string& source, std::string_view text, const ImportTerms& terms) {
  return {Read(source, text, terms)};
}

constexpr std::array<Format, 5> kFormats{{{"tinyproxy", One<ImportTinyproxy>},
                                          {"dynamic-firewall", ImportDynamicFirewall},
                                          {"hosts", One<ImportHosts>},
                                          {"qvm-firewall", One<ImportQvmFirewall>},
                                          {"dnsmasq", One<ImportDnsmasq>}}};

const Format* FindFormat(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) {
      return &format;
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path != "-") {
    auto text = ReadTextFile(path, kRuleFileOctetsMax);
    return text.ok() ? std::move(text)
                     : absl::FailedPreconditionError(
                           fmt::format("{}: {}", path, std::string(text.status().message())));
  }
  std::string text;
  std::array<char, 65536> part{};
  while (const size_t octets = std::fread(part.data(), 1, part.size(), stdin)) {
    text.append(part.data(), octets);
    if (text.size() > kRuleFileOctetsMax) {
      return absl::FailedPreconditionError("standard input: too long");
    }
  }
  return text;
}

// The files at `path`: those of a folder, else itself.
absl::StatusOr<std::vector<std::string>> Inputs(const std::string& path, std::string_view format) {
  std::error_code error;
  if (format != "tinyproxy" || !std::filesystem::is_directory(path, error)) {
    return std::vector{path};
  }
  auto names = FilesIn(path);
  if (!names.ok()) {
    return absl::FailedPreconditionError(std::string(names.status().message()));
  }
  for (std::string& name : *names) {
    name = path + (path.ends_with('/') ? "" : "/") + name;
  }
  return names;
}

absl::StatusOr<ImportTerms> ReadTerms(const Call& call) {
  ImportTerms terms;
  terms.block = call.Option("--block") != nullptr;
  if (const std::string* ports = call.Option("--ports")) {
    auto services = ReadServices(*ports);
    if (!services.ok()) {
      return services.status();
    }
    terms.services = *std::move(services);
  }
  return terms;
}

absl::Status GiveAddresses(const std::string& list, Imported& imported) {
  imported.addresses.clear();
  for (size_t from = 0; from <= list.size();) {
    const size_t comma = std::min(list.find(',', from), list.size());
    const auto address = Address::Parse(std::string_view(list).substr(from, comma - from));
    if (!address) {
      return absl::InvalidArgumentError("--address takes addresses with commas between");
    }
    imported.addresses.push_back(*address);
    from = comma + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<Clients> ReadClients(const Call& call) {
  const Format* const format = FindFormat(call.Argument(0));
  if (format == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("a format is one of {}", fmt::join(ImportFormats(), ", ")));
  }
  const auto terms = ReadTerms(call);
  const auto paths = Inputs(call.Argument(1), format->name);
  if (!terms.ok() || !paths.ok()) {
    return terms.ok() ? paths.status() : terms.status();
  }
  Clients clients;
  for (const std::string& path : *paths) {
    const auto text = ReadInput(path);
    if (!text.ok()) {
      return text.status();
    }
    Clients some = format->read(path == "-" ? "standard input" : path, *text, *terms);
    std::move(some.begin(), some.end(), std::back_inserter(clients));
  }
  const std::string* const wanted = call.Option("--client");
  if (wanted != nullptr) {
    std::erase_if(clients, [&](const Imported& one) { return one.client != *wanted; });
  }
  if (clients.empty()) {
    return absl::FailedPreconditionError(call.Argument(1) + ": no such client is in it");
  }
  return clients;
}

// Nothing leaves that dnspind would not take.
absl::Status Check(const Imported& imported, const std::string& text) {
  std::vector<Diagnostic> said;
  ReadClientFile(imported.is_profile ? FileKind::kProfile : FileKind::kClient, "dnspin import",
                 "import", text, said);
  for (const Diagnostic& one : said) {
    if (one.severity == Severity::kError) {
      return absl::FailedPreconditionError(one.Text());
    }
  }
  return absl::OkStatus();
}

void Say(const Clients& clients) {
  for (const Imported& imported : clients) {
    const std::string source = Harmless(imported.source());
    for (const auto& [line, text] : imported.said()) {
      std::fprintf(stderr, "%s:%zu: %s\n", source.c_str(), line, text.c_str());
    }
  }
}

Json NotesOf(const Imported& imported) {
  Json notes = Json::array();
  for (const auto& [line, text] : imported.said()) {
    notes.push_back({{"file", Harmless(imported.source())}, {"line", line}, {"text", text}});
  }
  return notes;
}

// A file of its own in `folder`, over no other.
absl::Status Write(const std::string& folder, const Imported& imported, const std::string& text) {
  const std::string path = folder + "/" + imported.client;
  if (!IsFileName(imported.client)) {
    return absl::FailedPreconditionError(imported.source() + ": it names no client");
  }
  const Descriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd.valid() ||
      write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return absl::FailedPreconditionError(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return absl::OkStatus();
}

std::string ListText(const Clients& clients) {
  std::string text;
  for (const Imported& imported : clients) {
    text += (text.empty() ? "" : ", ") +
            Harmless(imported.client.empty() ? imported.source() : imported.client);
  }
  return text;
}

Shown Written(const Clients& clients, const std::vector<std::string>& texts, const Call& call) {
  const std::string* const folder = call.Option("--into");
  Json list = Json::array();
  std::string shown;
  for (size_t i = 0; i < clients.size(); ++i) {
    if (folder != nullptr) {
      if (const absl::Status status = Write(*folder, clients[i], texts[i]); !status.ok()) {
        return status;
      }
      shown += *folder + "/" + clients[i].client + "\n";
    }
    list.push_back({{"client", clients[i].client},
                    {"rules", clients[i].rule_count()},
                    {"file", texts[i]},
                    {"notes", NotesOf(clients[i])}});
  }
  if (call.json) {
    return JsonText(list);
  }
  return folder != nullptr ? shown : texts.front();
}

}  // namespace

std::vector<std::string> ImportFormats() {
  std::vector<std::string> names(kFormats.size());
  std::ranges::transform(kFormats, names.begin(),
                         [](const Format& format) { return std::string(format.name); });
  return names;
}

std::vector<Option> ImportOptions() {
  return {{"--client", "NAME", "of several in it, this one"},
          {"--into", "FOLDER", "a file for each client there, over no other"},
          {"--address", "LIST", "the client's addresses, where it names none"},
          {"--profile", "", "for profiles.d: rules without an address"},
          {"--ports", "LIST", "what is opened of a name: tcp/443,tcp/80"},
          {"--block", "", "the names of a tinyproxy filter are those to refuse"}};
}

std::string_view ImportHelp() {
  return "FORMAT  PATH\n"
         "tinyproxy         a filter, or a folder of them, named NAME.IP...\n"
         "dynamic-firewall  its file of clients\n"
         "hosts             a list of names to refuse, `0.0.0.0 ads.example`\n"
         "qvm-firewall      what `qvm-firewall VM list` prints, with --raw or without\n"
         "dnsmasq           its configuration: `nftset=`, `ipset=`\n"
         "PATH - is standard input. What cannot be carried over is said on standard error, and as\n"
         "comments. Where no address is known, there is one of nobody's in its place.\n";
}

Shown RunImport(const Call& call) {
  auto clients = ReadClients(call);
  if (!clients.ok()) {
    return clients.status();
  }
  if (clients->size() > 1 && call.Option("--into") == nullptr && !call.json) {
    return absl::InvalidArgumentError(
        "several clients are in it, and a file is one's: --client "
        "with one of these, or --into FOLDER: " +
        ListText(*clients));
  }
  std::vector<std::string> texts;
  for (Imported& imported : *clients) {
    imported.is_profile = call.Option("--profile") != nullptr;
    if (const std::string* list = call.Option("--address")) {
      if (const absl::Status status = GiveAddresses(*list, imported); !status.ok()) {
        return status;
      }
    }
    texts.push_back(imported.Text(texts.size()));
    if (const absl::Status status = Check(imported, texts.back()); !status.ok()) {
      return status;
    }
  }
  Say(*clients);
  return Written(*clients, texts, call);
}

}  // namespace dnspin
