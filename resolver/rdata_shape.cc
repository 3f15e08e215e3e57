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
// Every type that ldns takes apart must be here (up to 1.9): where it stops before RDLENGTH, it
// would read the rest as records of their own. NSAP-PTR and SINK have other fields in the RFCs;
// ours are those that ldns reads, so that anything else is refused.
std::string_view FieldsOf(uint16_t type) {
  switch (type) {
    case dns::kA:
      return "4";
    case dns::kAaaa:
      return "q";
    case dns::kNs:
    case 3:  // MD
    case 4:  // MF
    case dns::kCname:
    case 7:  // MB
    case 8:  // MG
    case 9:  // MR
    case dns::kPtr:
    case dns::kDname:
      return "N";
    case dns::kSoa:
      return "NN44444";
    case 11:  // WKS
      return "4x";
    case 13:  // HINFO
      return "ss";
    case 14:  // MINFO
    case 17:  // RP
      return "NN";
    case dns::kMx:
    case 18:  // AFSDB
    case 21:  // RT
    case 36:  // KX
      return "2N";
    case dns::kTxt:
    case 56:   // NINFO
    case 99:   // SPF
    case 258:  // AVC
    case 261:  // RESINFO
    case 262:  // WALLET
    case 263:  // CLA
      return "S";
    case 19:  // X25
    case 23:  // NSAP-PTR
      return "s";
    case 20:  // ISDN
      return "so";
    case 24:  // SIG
    case dns::kRrsig:
      return "2114442Nx";
    case 25:  // KEY
    case dns::kDnskey:
    case 57:  // RKEY
    case 60:  // CDNSKEY
    case dns::kDs:
    case 59:     // CDS
    case 32768:  // TA
    case 32769:  // DLV
      return "211x";
    case 26:  // PX
      return "2NN";
    case 27:  // GPOS
      return "sss";
    case 30:  // NXT
      return "Nx";
    case dns::kSrv:
      return "222N";
    case 35:  // NAPTR
      return "22sssN";
    case 37:  // CERT
      return "221x";
    case 40:  // SINK
      return "1";
    case 44:  // SSHFP
      return "11x";
    case dns::kNsec:
      return "Nb";
    case dns::kNsec3:
      return "112ssb";
    case 51:  // NSEC3PARAM
      return "112s";
    case 52:  // TLSA
    case 53:  // SMIMEA
      return "111x";
    case 55:  // HIP
      return "hR";
    case 58:  // TALINK
      return "nn";
    case 62:  // CSYNC
      return "42b";
    case 63:  // ZONEMD
      return "411x";
    case dns::kSvcb:
    case dns::kHttps:
      return "p";
    case 66:  // DSYNC
      return "212n";
    case 104:  // NID
    case 106:  // L64
      return "28";
    case 105:  // L32
      return "24";
    case 107:  // LP
      return "2n";
    case 108:  // EUI48
      return "6";
    case 109:  // EUI64
    case 264:  // IPN
      return "8";
    case 256:  // URI
      return "22x";
    case 257:  // CAA
      return "1sx";
    case 259:  // DOA
      return "441sx";
    default:
      return "x";
  }
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
    const size_t octets = PassName(reader_, pointers);
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
