#pragma once
// Knows: all commands of the tool. Touches what they touch.

#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace dnspin {

std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);  // null: there is none

using Shown = absl::StatusOr<std::string>;

Shown RunStatus(const Call& call);
Shown RunClients(const Call& call);
Shown RunPins(const Call& call);
Shown RunMetrics(const Call& call);
Shown RunWhy(const Call& call);
Shown RunExplain(const Call& call);
Shown RunWatch(const Call& call);
Shown RunBlocked(const Call& call);
Shown RunLearn(const Call& call);
Shown RunSuggest(const Call& call);
Shown RunSimulate(const Call& call);
Shown RunFlush(const Call& call);
Shown RunReload(const Call& call);
Shown RunRefresh(const Call& call);
Shown RunReport(const Call& call);
Shown RunImport(const Call& call);
Shown RunCompletion(const Call& call);

}  // namespace dnspin
