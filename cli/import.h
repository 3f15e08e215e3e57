#pragma once
// Knows: the rules of other programs that can be carried over, each from its text. Touches nothing.

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/imported.h"

namespace dnspin {

// Each never fails: what it does not understand is said in what it returns. `source` is what notes
// call the text.

// A filter of tinyproxy, called NAME.IP...: one regular expression a line.
Imported ImportTinyproxy(const std::string& source, std::string_view text,
                         const ImportTerms& terms);
// The `clients` of dynamic-firewall: one client a line, then its profiles.
std::vector<Imported> ImportDynamicFirewall(const std::string& source, std::string_view text,
                                            const ImportTerms& terms);
// A hosts file that sends names nowhere.
Imported ImportHosts(const std::string& source, std::string_view text, const ImportTerms& terms);
// What `qvm-firewall VM list` prints, with --raw or without.
Imported ImportQvmFirewall(const std::string& source, std::string_view text,
                           const ImportTerms& terms);
// Lines `nftset=` and `ipset=` of dnsmasq, and names that it answers with nothing.
Imported ImportDnsmasq(const std::string& source, std::string_view text, const ImportTerms& terms);

std::vector<std::string> ImportFormats();
std::vector<Option> ImportOptions();
std::string_view ImportHelp();

}  // namespace dnspin
