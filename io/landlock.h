#pragma once
// Knows: Landlock, where the kernel has it: what no file mode and no capability can give back.
// Touches: this process's own domain.

namespace dnspin {

struct LandlockTerms {
  bool may_read = false;  // files and folders; else none at all. What is open stays so
  bool may_execute = false;
  bool may_bind = false;  // TCP ports
  bool may_name = false;  // connect to abstract UNIX sockets of processes outside
};

// For good, and for all children. Nothing may be written, made or removed, and nobody outside may
// be signalled, where the kernel knows how to forbid it (files since 5.13, ports since 6.7, signals
// since 6.12). Which of it was forbidden is the kernel's version of Landlock; 0: none.
int EnterLandlock(const LandlockTerms& terms);

}  // namespace dnspin
