#pragma once
// Knows: how numbers, texts, names and addresses stand in a message between dnspind and a reader,
// little-endian, and where one is not whole. Touches nothing.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pinning/address.h"
#include "pinning/channel_message.h"
#include "pinning/check.h"
#include "pinning/name.h"

namespace dnspin {

enum class MessageType : uint8_t {
  kPin = 1,
  kRefusal = 2,
  kCounters = 3,
  kGrant = 4,
  kDropAddresses = 5,
  kHeldVerdict = 6,
  kAnswer = 7,
  kUpstream = 8,
  kPinReply = 16,
  kPolicy = 17,
  kPinsInDoubt = 18,
  kQueue = 19,
};

class MessageWriter {
 public:
  explicit MessageWriter(MessageType type) { Number(static_cast<uint8_t>(type)); }

  template <typename T>
  void Number(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_ += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
  }
  void Text(std::string_view text) {
    Number(static_cast<uint16_t>(text.size()));
    bytes_ += text;
  }
  void Flag(bool flag) { Number(static_cast<uint8_t>(flag)); }
  void Put(const std::vector<Address>& addresses) {
    Number(static_cast<uint8_t>(addresses.size()));
    for (const Address& address : addresses) {
      Put(address);
    }
  }
  void Put(const Address& address) {
    Number(static_cast<uint8_t>(address.bytes().size()));
    for (const uint8_t octet : address.bytes()) {
      Number(octet);
    }
  }
  std::string Take(size_t octets_max = kMessageOctetsMax) {
    DNSPIN_CHECK(bytes_.size() <= octets_max);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Reads what a MessageWriter wrote; once anything is amiss, everything after is, and Finished()
// says so.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  T Number() {
    uint64_t value = 0;
    const auto octets = Take(sizeof(T));
    for (size_t i = 0; i < octets.size(); ++i) {
      value |= static_cast<uint64_t>(octets[i]) << (8 * i);
    }
    return static_cast<T>(value);
  }
  std::string Text(size_t octets_max) {
    const auto length = Number<uint16_t>();
    good_ = good_ && length <= octets_max;
    const auto octets = Take(length);
    return {octets.begin(), octets.end()};
  }
  Name AName() {
    const auto name = Name::FromWire(Text(Name::kOctetsMax));
    good_ = good_ && name.has_value();
    return name.value_or(Name());
  }
  bool Flag() {
    const auto flag = Number<uint8_t>();
    good_ = good_ && flag <= 1;
    return flag == 1;
  }
  std::vector<Address> Addresses() {
    std::vector<Address> addresses;
    const auto count = Number<uint8_t>();
    good_ = good_ && count <= kAddressesPerRequest;
    for (uint8_t i = 0; good_ && i < count; ++i) {
      addresses.push_back(AnAddress());
    }
    return addresses;
  }
  Address AnAddress() {
    const auto length = Number<uint8_t>();
    const auto address = Address::FromBytes(Take(length));
    good_ = good_ && address.has_value();
    return address.value_or(Address());
  }
  void Require(bool condition) { good_ = good_ && condition; }
  bool Good() const { return good_; }
  bool Finished() const { return good_ && bytes_.empty(); }

 private:
  std::span<const uint8_t> Take(size_t octets) {
    if (!good_ || octets > bytes_.size()) {
      good_ = false;
      return {};
    }
    const auto taken = bytes_.first(octets);
    bytes_ = bytes_.subspan(octets);
    return taken;
  }

  std::span<const uint8_t> bytes_;
  bool good_ = true;
};

}  // namespace dnspin
