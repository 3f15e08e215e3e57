#pragma once
// Knows: how dnspind ends where it cannot go on and nobody returns an error: there is no memory, or
// a library calls exit(). libnftables does, with 1 and 2: as if the configuration were wrong.
// Touches: stderr; ends the process.

namespace dnspin {

constexpr int kSystemWouldNot = 3;  // the exit status

// Runs it and ends with what it returns; in its place with kSystemWouldNot and a word on stderr.
[[noreturn]] void EndWith(int (*run)(int, char**), int argc, char** argv);

}  // namespace dnspin
