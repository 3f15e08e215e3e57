#pragma once
// Knows: what a reader that its client has broken may try beyond its channel, a row each. Touches:
// whatever it can, which under a reader's confinement is nothing.

#include <sys/types.h>

#include <vector>

namespace dnspin {

// What was found out before the confinement, as if an attacker knew it.
struct Surroundings {
  bool confined = true;  // else success ends in a child, so that it can be told
  pid_t launcher = -1;
  pid_t dnspind = -1;
  pid_t sibling = -1;  // another reader, where there is one
  int pidfd = -1;      // of a process: which a reader cannot come by
  int name_space = -1;
};

Surroundings LookAround();

// Without a launcher: a process that does nothing, in the place of all others.
Surroundings StandIns();

struct Attempt {
  const char* name;
  int (*make)(const Surroundings&);  // 0: it has succeeded; else the errno it was refused with
};

std::vector<Attempt> Attempts();
std::vector<Attempt> AttemptsAtSockets();

}  // namespace dnspin
