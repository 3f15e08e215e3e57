#pragma once
// Knows: what is said about a configuration, and its exact form (design.md 4). Touches nothing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dnspin {

enum class Severity : uint8_t { kError, kWarning };

struct Diagnostic {
  std::string file;
  size_t line = 1;    // 1 also for what is said about a file as a whole
  size_t column = 1;  // of the offending word, in octets
  Severity severity = Severity::kError;
  std::string message;     // our own words
  std::string word;        // as it was written, untrusted; may be empty
  std::string suggestion;  // may be empty

  // `FILE:LINE:COLUMN: error: MESSAGE 'WORD'; did you mean 'X'?`, in printable ASCII.
  std::string Text() const;
  bool operator==(const Diagnostic&) const = default;
};

bool HasErrors(const std::vector<Diagnostic>& diagnostics);

// By file, then line and column; what was said about one place keeps its order.
void SortByPlace(std::vector<Diagnostic>& diagnostics);

// What is said about one line of a file. Words are parts of that line: where they begin is the
// column.
class LineReport {
 public:
  // All three outlive the report.
  LineReport(const std::string& file, size_t line, std::string_view text,
             std::vector<Diagnostic>& diagnostics)
      : file_(file), line_(line), text_(text), diagnostics_(diagnostics) {}

  void Error(std::string_view word, std::string message, std::string suggestion = {});
  void Warning(std::string_view word, std::string message);

  bool failed() const { return failed_; }
  size_t line() const { return line_; }
  size_t Column(std::string_view word) const;

 private:
  void Add(Severity severity, std::string_view word, std::string message, std::string suggestion);

  const std::string& file_;
  size_t line_;
  std::string_view text_;
  std::vector<Diagnostic>& diagnostics_;
  bool failed_ = false;
};

// How much is said about one file: a list of a hundred thousand dropped patterns is not warned of
// line by line, and what has a thousand errors is no rule file.
class DiagnosticQuota {
 public:
  // Takes warnings beyond the quota off what was added behind `from`. False once there are too many
  // errors.
  bool Keep(std::vector<Diagnostic>& diagnostics, size_t from);

 private:
  bool Spend(Diagnostic& diagnostic);

  std::map<std::string, size_t> alike_;  // warnings by message
  size_t warnings_ = 0;
  size_t errors_ = 0;
};

}  // namespace dnspin
