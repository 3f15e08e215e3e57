#include "resolver/rdata_shape.h"

#include <algorithm>
#include <string_view>

#include "pinning/answer.h"
#include "resolver/name_span.h"
#include "resolver/octets.h"
#include "resolver/service_binding.h"

namespace dnspin {
namespace {

constexpr size_t kStringsMax = 256;
constexpr size_t kRendezvousMax = 16;  // names are what costs ldns most

// One letter a field:
//   1 2 4 6 8  so many octets      s  a string (length octet)    N  a name, perhaps compressed
//   q          sixteen octets      o  a string, or nothing       n  a name, whole
//   b          a type bitmap       S  strings to the end         R  whole names to the end
//   h          HIP's tag and key   p  a service binding          x  whatever is left
// Every type that ldns takes apart must be here: where it stops before RDLENGTH, it would read the
// rest as records of their own. NSAP-PTR and SINK have other fields in the RFCs; ours are those
// that ldns reads, so that anything else is refused.
struct Shape {
  uint16_t type;
  std::string_view fields;
};

constexpr Shape kShapes[] = {
    {dns::kA, "4"},
    {dns::kNs, "N"},
    {3, "N"},  // MD
    {4, "N"},  // MF
    {dns::kCname, "N"},
    {dns::kSoa, "NN44444"},
    {7, "N"},    // MB
    {8, "N"},    // MG
    {9, "N"},    // MR
    {11, "4x"},  // WKS
    {dns::kPtr, "N"},
    {13, "ss"},  // HINFO
    {14, "NN"},  // MINFO
    {dns::kMx, "2N"},
    {dns::kTxt, "S"},
    {17, "NN"},         // RP
    {18, "2N"},         // AFSDB
    {19, "s"},          // X25
    {20, "so"},         // ISDN
    {21, "2N"},         // RT
    {23, "s"},          // NSAP-PTR
    {24, "2114442Nx"},  // SIG
    {25, "211x"},       // KEY
    {26, "2NN"},        // PX
    {27, "sss"},        // GPOS
    {dns::kAaaa, "q"},
    {30, "Nx"},  // NXT
    {dns::kSrv, "222N"},
    {35, "22sssN"},  // NAPTR
    {36, "2N"},      // KX
    {37, "221x"},    // CERT
    {dns::kDname, "N"},
    {40, "1"},  // SINK
    {dns::kDs, "211x"},
    {44, "11x"},  // SSHFP
    {dns::kRrsig, "2114442Nx"},
    {dns::kNsec, "Nb"},
    {dns::kDnskey, "211x"},
    {dns::kNsec3, "112ssb"},
    {51, "112s"},  // NSEC3PARAM
    {52, "111x"},  // TLSA
    {53, "111x"},  // SMIMEA
    {55, "hR"},    // HIP
    {56, "S"},     // NINFO
    {57, "211x"},  // RKEY
    {58, "nn"},    // TALINK
    {59, "211x"},  // CDS
    {60, "211x"},  // CDNSKEY
    {62, "42b"},   // CSYNC
    {63, "411x"},  // ZONEMD
    {dns::kSvcb, "p"},
    {dns::kHttps, "p"},
    {66, "212n"},     // DSYNC
    {99, "S"},        // SPF
    {104, "28"},      // NID
    {105, "24"},      // L32
    {106, "28"},      // L64
    {107, "2n"},      // LP
    {108, "6"},       // EUI48
    {109, "8"},       // EUI64
    {256, "22x"},     // URI
    {257, "1sx"},     // CAA
    {258, "S"},       // AVC
    {259, "441sx"},   // DOA
    {261, "S"},       // RESINFO
    {262, "S"},       // WALLET
    {263, "S"},       // CLA
    {264, "8"},       // IPN
    {32768, "211x"},  // TA
    {32769, "211x"},  // DLV
};

std::string_view FieldsOf(uint16_t type) {
  const auto* shape = std::find_if(std::begin(kShapes), std::end(kShapes),
                                   [&](const Shape& known) { return known.type == type; });
  return shape == std::end(kShapes) ? "x" : shape->fields;
}

// Windows in rising order, each of 1..32 octets (RFC 4034 4.1.2).
bool PassBitmap(OctetReader& reader) {
  int last = -1;
  while (reader.left() != 0) {
    const int window = reader.U8();
    const uint8_t octets = reader.U8();
    reader.Take(octets);
    if (!reader.ok() || window <= last || octets == 0 || octets > 32) {
      return false;
    }
    last = window;
  }
  return true;
}

class Measurer {
 public:
  Measurer(std::span<const uint8_t> message, size_t at) : reader_(message, at) {
    measure_.plain_octets = reader_.left();
  }

  std::optional<RdataMeasure> Measure(std::string_view fields) {
    const bool fits = std::all_of(fields.begin(), fields.end(), [&](char f) { return Pass(f); });
    return fits && reader_.AtEnd() ? std::optional(measure_) : std::nullopt;
  }

 private:
  bool Pass(char field) {
    switch (field) {
      case '1':
      case '2':
      case '4':
      case '6':
      case '8':
        reader_.Take(static_cast<size_t>(field - '0'));
        break;
      case 'q':
        reader_.Take(16);
        break;
      case 's':
        reader_.Take(reader_.U8());
        break;
      case 'o':
        return reader_.left() == 0 || Pass('s');
      case 'S':
        return PassStrings();
      case 'N':
        return PassInnerName(Pointers::kBackward);
      case 'n':
        return PassInnerName(Pointers::kRefused);
      case 'R':
        return PassRendezvous();
      case 'h':
        return PassHostIdentity();
      case 'b':
        return PassBitmap(reader_);
      case 'p':
        return ReadServiceBinding(reader_.TakeRest()).has_value();
      default:
        reader_.TakeRest();
    }
    return reader_.ok();
  }

  bool PassInnerName(Pointers pointers) {
    const size_t begin = reader_.at();
    const size_t octets = PassName(reader_, pointers, &measure_.hops);
    measure_.names = true;
    measure_.plain_octets = measure_.plain_octets + octets - (reader_.at() - begin);
    return octets != 0;
  }

  bool PassStrings() {
    do {
      reader_.Take(reader_.U8());
      ++measure_.strings;
    } while (reader_.left() != 0 && measure_.strings < kStringsMax);
    return reader_.AtEnd();
  }

  bool PassRendezvous() {
    for (size_t names = 0; reader_.left() != 0; ++names) {
      if (names == kRendezvousMax || !PassInnerName(Pointers::kRefused)) {
        return false;
      }
    }
    return true;
  }

  bool PassHostIdentity() {  // RFC 8005 5
    const uint8_t tag_octets = reader_.U8();
    reader_.U8();  // the key's algorithm
    const uint16_t key_octets = reader_.U16();
    reader_.Take(tag_octets);
    reader_.Take(key_octets);
    return reader_.ok();
  }

  OctetReader reader_;
  RdataMeasure measure_;
};

}  // namespace

std::optional<RdataMeasure> MeasureRdata(std::span<const uint8_t> message, size_t at,
                                         uint16_t type) {
  return Measurer(message, at).Measure(FieldsOf(type));
}

}  // namespace dnspin
