#pragma once
// Knows: what of an answer is said to who wants to see it. Touches nothing.

#include "pinning/channel_message.h"
#include "resolver/inquiry.h"
#include "resolver/judged_answer.h"

namespace dnspin {

AnswerReport ReportOf(const Inquiry& inquiry, bool pinned, const ToldAnswer& told);

}  // namespace dnspin
