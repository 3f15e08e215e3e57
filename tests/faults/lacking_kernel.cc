// An older kernel than this one, or one built with less.
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/faults/fault_page.h"

namespace dnspin::faults {
namespace {

// The attribute that names an expression, as it stands in a message.
std::string AttributeOf(std::string_view expression) {
  nlattr head{};
  head.nla_len = static_cast<uint16_t>(sizeof(head) + expression.size() + 1);
  head.nla_type = NFTA_EXPR_NAME;
  std::string attribute(reinterpret_cast<const char*>(&head), sizeof(head));
  attribute += expression;
  attribute += '\0';
  return attribute;
}

}  // namespace

void HideLackingExpression(const msghdr& message) {
  static const char* const lacking = std::getenv("DNSPIN_FAULTS_LACKS");
  if (lacking == nullptr) {
    return;
  }
  const std::string attribute = AttributeOf(lacking);
  for (size_t i = 0; i < message.msg_iovlen; ++i) {
    char* at = static_cast<char*>(message.msg_iov[i].iov_base);
    char* const end = at + message.msg_iov[i].iov_len;
    while ((at = static_cast<char*>(memmem(at, static_cast<size_t>(end - at), attribute.data(),
                                           attribute.size()))) != nullptr) {
      at += sizeof(nlattr);
      *at = '!';
    }
  }
}

}  // namespace dnspin::faults
