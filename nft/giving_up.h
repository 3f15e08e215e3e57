#pragma once
// Knows: how dnspind ends where it cannot go on and nobody returns an error: there is no memory, or
// a library calls exit(). libnftables does, with 1 and 2: as if the configuration were wrong.
// Touches: stderr; ends the process.

namespace dnspin {

// From now on both say so, and end with exit status 3.
void EndAsTheSystemWouldNot();

// The way out of main: no library gave up.
[[noreturn]] void EndWith(int status);

}  // namespace dnspin
