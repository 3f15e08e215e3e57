#pragma once
// Knows: Landlock, where the kernel has it: what no file mode and no capability can give back.
// Touches: this process's own domain.

namespace dnspin {

struct LandlockTerms {
  enum class Files : unsigned char { kNone, kRead, kAll };
  Files files = Files::kNone;  // what is open stays so
  bool sockets = false;        // bind TCP ports, and reach abstract UNIX sockets from outside
};

// For good, and for all children. What `terms` do not allow, and signals to processes outside, are
// forbidden where the kernel knows how to (files since 5.13, ports since 6.7, the others
// since 6.12). Which of it was forbidden is the kernel's version of Landlock; 0: none.
int EnterLandlock(const LandlockTerms& terms);

}  // namespace dnspin
