#include "config/public_suffix.h"

#include <libpsl.h>

#include <array>
#include <memory>
#include <string>

namespace dnspin {
namespace {

struct PslFree {
  void operator()(psl_ctx_t* list) const { psl_free(list); }
};

const psl_ctx_t* List() {
  static const std::unique_ptr<psl_ctx_t, PslFree> newest(psl_latest(nullptr));
  return newest ? newest.get() : psl_builtin();
}

bool IsListed(const psl_ctx_t* list, const std::string& name, int type) {
  return psl_is_public_suffix2(list, name.c_str(), type | PSL_TYPE_NO_STAR_RULE) == 1;
}

// `za` is not listed, but `co.za` is: nobody owns what lies above a registry's suffix either.
bool IsTopOfIcannSuffix(const psl_ctx_t* list, const std::string& name) {
  constexpr std::array<const char*, 6> kUsual{"co.", "com.", "net.", "org.", "gov.", "ac."};
  for (const char* first : kUsual) {
    if (IsListed(list, first + name, PSL_TYPE_ICANN)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Suffix SuffixKind(const Name& name) {
  const psl_ctx_t* list = List();
  if (list == nullptr) {  // a libpsl built without any list: only the shortest are known for sure
    return name.LabelCount() <= 1 ? Suffix::kIcann : Suffix::kNone;
  }
  const std::string text = name.Text();
  const bool top = name.LabelCount() == 1;
  if (!top && !IsListed(list, text, PSL_TYPE_ANY)) {
    return Suffix::kNone;  // at once: almost all names
  }
  if (IsListed(list, text, PSL_TYPE_ICANN) || (top && IsTopOfIcannSuffix(list, text))) {
    return Suffix::kIcann;
  }
  return IsListed(list, text, PSL_TYPE_PRIVATE) ? Suffix::kPrivate : Suffix::kNone;
}

std::optional<Name> RegistrableDomain(const Name& name) {
  std::optional<Name> below;
  for (Name at = name; at.LabelCount() > 1 && SuffixKind(at) == Suffix::kNone; at = at.Parent()) {
    below = at;
  }
  return below;
}

}  // namespace dnspin
