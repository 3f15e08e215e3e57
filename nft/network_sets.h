#pragma once
// Knows: how a file of addresses reads as a set of intervals, one for all clients whose rules name
// it (design.md 5). Pure text.

#include <string>
#include <string_view>

#include "nft/command_text.h"
#include "pinning/network_list.h"

namespace dnspin {

std::string NetworkSetName(std::string_view path);  // `addresses-fastly`
bool IsNetworkSet(std::string_view name);           // or somebody else's that is called like one

// What is in `some` and not in `others`, or says something else there.
NetworkLists Without(const NetworkLists& some, const NetworkLists& others);

// The set is there and holds this and nothing else, from one instant to the next.
void PutNetworkSet(CommandText& commands, const NetworkList& list);

}  // namespace dnspin
