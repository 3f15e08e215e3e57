#include "nft/nftables.h"

#include <nftables/libnftables.h>

#include <cerrno>
#include <string_view>

namespace dnspin {
namespace {

constexpr size_t kReasonOctetsMax = 1024;  // it quotes the command, which may be long

absl::Status Refused(nft_ctx* context, int error) {
  const char* text = nft_ctx_get_error_buffer(context);
  std::string_view reason = text == nullptr ? "" : text;
  while (reason.ends_with('\n')) {
    reason.remove_suffix(1);
  }
  const std::string words = "nftables: " + std::string(reason.substr(0, kReasonOctetsMax));
  // libnftables sets errno where the kernel refused, and not where it did not like the text.
  return error != 0 ? absl::ErrnoToStatus(error, words) : absl::InvalidArgumentError(words);
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

absl::Status Nftables::Run(const std::string& commands) {
  nft_ctx_output_set_flags(context_.get(), 0);
  errno = 0;
  if (nft_run_cmd_from_buffer(context_.get(), commands.c_str()) != 0) {
    return Refused(context_.get(), errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Nftables::ListJson(const std::string& command) {
  nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE);
  errno = 0;
  if (nft_run_cmd_from_buffer(context_.get(), command.c_str()) != 0) {
    return Refused(context_.get(), errno);
  }
  return std::string(nft_ctx_get_output_buffer(context_.get()));
}

}  // namespace dnspin
