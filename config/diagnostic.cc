#include "config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "pinning/check.h"
#include "pinning/name.h"

namespace dnspin {

std::string Diagnostic::Text() const {
  constexpr size_t kPathOctetsMax = 4096;
  std::string text =
      fmt::format("{}:{}:{}: {}: {}", Escaped(file, kPathOctetsMax), line, column,
                  severity == Severity::kError ? "error" : "warning", Escaped(message, 1024));
  if (!word.empty()) {
    text += " '" + Escaped(word) + "'";
  }
  if (!suggestion.empty()) {
    text += "; did you mean '" + Escaped(suggestion) + "'?";
  }
  return text;
}

bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::kError;
  });
}

void SortByPlace(std::vector<Diagnostic>& diagnostics) {
  const auto place = [](const Diagnostic& one) {
    return std::tuple<const std::string&, size_t, size_t>(one.file, one.line, one.column);
  };
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
}

void LineReport::Error(std::string_view word, std::string message, std::string suggestion) {
  failed_ = true;
  Add(Severity::kError, word, std::move(message), std::move(suggestion));
}

void LineReport::Warning(std::string_view word, std::string message) {
  Add(Severity::kWarning, word, std::move(message), {});
}

void LineReport::Add(Severity severity, std::string_view word, std::string message,
                     std::string suggestion) {
  diagnostics_.push_back({file_, line_, Column(word), severity, std::move(message),
                          std::string(word), std::move(suggestion)});
}

size_t LineReport::Column(std::string_view word) const {
  DNSPIN_CHECK(word.data() >= text_.data() &&
               word.data() + word.size() <= text_.data() + text_.size());
  return static_cast<size_t>(word.data() - text_.data()) + 1;
}

bool DiagnosticQuota::Keep(std::vector<Diagnostic>& diagnostics, size_t from) {
  constexpr size_t kErrorsMax = 1000;
  const auto added = diagnostics.begin() + static_cast<std::ptrdiff_t>(from);
  diagnostics.erase(
      std::remove_if(added, diagnostics.end(), [this](Diagnostic& one) { return !Spend(one); }),
      diagnostics.end());
  return errors_ < kErrorsMax;
}

// False for a warning that is one too many.
bool DiagnosticQuota::Spend(Diagnostic& diagnostic) {
  constexpr size_t kAlikeMax = 5;
  constexpr size_t kWarningsMax = 200;
  if (diagnostic.severity == Severity::kError) {
    ++errors_;
    return true;
  }
  if (warnings_ == kWarningsMax) {
    return false;
  }
  const size_t count = ++alike_[diagnostic.message];
  if (count == kAlikeMax) {
    diagnostic.message += " (more like this are not shown)";
  }
  warnings_ += count <= kAlikeMax ? 1 : 0;
  return count <= kAlikeMax;
}

}  // namespace dnspin
