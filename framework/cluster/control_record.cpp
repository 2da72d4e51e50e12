#include <weir/cluster/control_record.hpp>
#include <weir/record/binary.hpp>
#include <weir/record/crc32c.hpp>

namespace weir::cluster {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_size = 4;

/// Types by number. Persisted: never renumber, only add.
template <class T>
constexpr std::uint8_t type_number = 0;
template <>
constexpr std::uint8_t type_number<term_record> = 1;
template <>
constexpr std::uint8_t type_number<member_record> = 2;
template <>
constexpr std::uint8_t type_number<alive_record> = 3;
template <>
constexpr std::uint8_t type_number<assignment_record> = 4;
template <>
constexpr std::uint8_t type_number<complete_record> = 5;
template <>
constexpr std::uint8_t type_number<closed_record> = 6;
template <>
constexpr std::uint8_t type_number<garbage_record> = 7;
template <>
constexpr std::uint8_t type_number<services_record> = 8;

struct key_maker {
  std::string operator()(const term_record&) const { return "term"; }
  std::string operator()(const member_record& r) const { return "member/" + r.node; }
  std::string operator()(const alive_record& r) const { return "alive/" + r.node; }
  std::string operator()(const assignment_record& r) const { return "assignment/" + r.job; }
  std::string operator()(const complete_record& r) const { return "complete/" + r.job; }
  std::string operator()(const closed_record& r) const { return "closed/" + r.job; }
  std::string operator()(const garbage_record& r) const { return "garbage/" + r.job + "/" + std::to_string(r.batch); }
  std::string operator()(const services_record&) const { return "services"; }
};

template <class T>
bool decode_as(byte_reader& in, std::uint8_t type, control_body& out) {
  if (type != type_number<T>)
    return false;
  decode_binary(in, out.emplace<T>());
  return true;
}

template <class... T>
bool decode_any(byte_reader& in, std::uint8_t type, std::variant<T...>& out) {
  return (decode_as<T>(in, type, out) || ...);
}

} // namespace

std::string key_of(const control_body& b) { return std::visit(key_maker{}, b); }

control_entry encode_control(const control_record& r) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(version);
  std::visit(
      [&]<class T>(const T& body) {
        out.u8(type_number<T>);
        encode_binary(r.mark, out);
        encode_binary(body, out);
      },
      r.body);
  out.u32(crc32c(bytes));
  return {key_of(r.body), std::move(bytes)};
}

result<control_record> decode_control(std::string_view key, std::string_view value) {
  auto what = "the control record under '" + std::string(key) + "' ";
  byte_reader head(value);
  auto written = head.u8();
  if (head.ok() && written > version)
    return error{errc::incompatible, what + "has version " + std::to_string(written) + ", this release reads up to " +
                                         std::to_string(version) + ". Run the newer release on every node."};
  if (value.size() < 2 + checksum_size || written != version)
    return error{errc::store_corrupt, what + "has no version that there ever was"};
  auto covered = value.substr(0, value.size() - checksum_size);
  if (byte_reader(value.substr(covered.size())).u32() != crc32c(covered))
    return error{errc::store_corrupt, what + "does not have its checksum"};
  byte_reader in(covered.substr(1));
  auto type = in.u8();
  control_record out;
  decode_binary(in, out.mark);
  if (!decode_any(in, type, out.body))
    return error{errc::incompatible, what + "is of type " + std::to_string(type) + ", which this release does not know"};
  if (!in.done() || key_of(out.body) != key)
    return error{errc::store_corrupt, what + "does not have the announced form"};
  return out;
}

} // namespace weir::cluster
