#pragma once
// Knows: how dnspind's replies are read: whatever is missing or of another kind is empty. Touches
// nothing.

#include <string>
#include <string_view>
#include <vector>

#include "cli/control_client.h"
#include "cli/table.h"

namespace dnspin {

// The member `key` of an object; null where there is none.
const Json& In(const Json& object, std::string_view key);

// A text as it is, a list with blanks between, null as nothing, all else as JSON writes it.
std::string Text(const Json& value);
std::string TextIn(const Json& object, std::string_view key);
int64_t NumberIn(const Json& object, std::string_view key);  // 0 where there is none, 1e15 at most
std::vector<std::string> TextsIn(const Json& object, std::string_view key);
const Json& ListIn(const Json& object, std::string_view key);  // empty where there is none

// As --json shows it: ASCII alone.
std::string JsonText(const Json& value);

// A table of objects: one column a key, its head the key in capitals. Empty cells are "-".
std::string Listing(const Json& list, const std::vector<std::string_view>& keys, bool colours);

// "45s", "12m", "3h", "2d".
std::string AgeText(int64_t seconds);

}  // namespace dnspin
