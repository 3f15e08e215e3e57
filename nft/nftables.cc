#include "nft/nftables.h"

#include <nftables/libnftables.h>

#include <algorithm>
#include <string_view>

namespace dnspin {
namespace {

// Longer texts are refused without saying which command it was: libnftables marks the place in a
// line that it keeps on its stack.
constexpr size_t kMarkedOctetsMax = 1 << 18;
constexpr size_t kCommandOctetsMax = 512;

// libnftables shows the first line of a text, whichever it means, and a mark below the place. In
// one long line the mark can be found.
std::string AsOneLine(std::string commands) {
  if (commands.size() <= kMarkedOctetsMax) {
    std::replace(commands.begin(), commands.end(), '\n', ';');
  }
  return commands;
}

// The command below which libnftables put its first mark.
std::string_view MarkedCommand(std::string_view reason, std::string_view commands) {
  const size_t shown = reason.find(AsOneLine(std::string(commands)));
  if (shown == std::string_view::npos) {
    return {};
  }
  const std::string_view marks =
      reason.substr(std::min(shown + commands.size() + 1, reason.size()));
  const size_t place = marks.find_first_of("^~");
  if (place == std::string_view::npos || place >= commands.size()) {
    return {};
  }
  const size_t before = commands.substr(0, place).rfind('\n');
  const size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return commands.substr(begin, commands.find('\n', place) - begin).substr(0, kCommandOctetsMax);
}

absl::Status Refused(nft_ctx* context, std::string_view commands) {
  const char* text = nft_ctx_get_error_buffer(context);
  const std::string_view reason = text == nullptr ? "" : text;
  std::string words = "nftables: " + std::string(reason.substr(0, reason.find('\n')));
  if (const std::string_view command = MarkedCommand(reason, commands); !command.empty()) {
    words += " in: " + std::string(command);
  }
  return absl::FailedPreconditionError(words);  // libnftables leaves no errno to trust
}

}  // namespace

void Nftables::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

absl::StatusOr<Nftables> Nftables::Create() {
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr || nft_ctx_buffer_output(context.get()) != 0 ||
      nft_ctx_buffer_error(context.get()) != 0) {
    return absl::ResourceExhaustedError("libnftables does not start");
  }
  return Nftables(std::move(context));
}

absl::Status Nftables::Probe(const std::string& table) {
  return Run("add table ip " + table + "\ndelete table ip " + table);
}

absl::Status Nftables::Run(const std::string& commands) {
  if (nft_run_cmd_from_buffer(context_.get(), AsOneLine(commands).c_str()) != 0) {
    return Refused(context_.get(), commands);
  }
  return absl::OkStatus();
}

}  // namespace dnspin
