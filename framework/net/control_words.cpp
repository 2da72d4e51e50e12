#include <weir/net/control_words.hpp>
#include <weir/record/binary.hpp>

namespace weir {
namespace {

constexpr std::uint8_t version = 3;

template <std::size_t I = 0>
bool decode_kind(byte_reader& in, std::size_t kind, node_word& out) {
  if constexpr (I < std::variant_size_v<node_word>) {
    if (kind != I + 1)
      return decode_kind<I + 1>(in, kind, out);
    decode_binary(in, out.emplace<I>());
    return true;
  }
  return false;
}

} // namespace

std::string encode_word(const node_word& w) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(version);
  out.u8(static_cast<std::uint8_t>(w.index() + 1));
  std::visit([&](const auto& word) { encode_binary(word, out); }, w);
  return bytes;
}

result<node_word> decode_word(std::string_view bytes) {
  byte_reader in(bytes);
  auto written = in.u8();
  auto kind = in.u8();
  if (in.ok() && written != version)
    return error{errc::incompatible, "a node speaks version " + std::to_string(written) +
                                         " of the words between nodes, this one " + std::to_string(version)};
  node_word out;
  if (in.ok() && !decode_kind(in, kind, out))
    return error{errc::incompatible, "a node says a word of kind " + std::to_string(kind) + ", which this release does not know"};
  if (!in.ok() || !in.done())
    return error{errc::decode_failed, "what a node says does not have the announced form"};
  if (const auto* c = std::get_if<node_command>(&out);
      c && (c->what < node_command::verb::status || c->what > node_command::verb::fill))
    return error{errc::incompatible, "a node gives an order that this release does not know"};
  return out;
}

node_answer answer_of(const result<std::string>& r) {
  if (r)
    return {0, *r};
  return {static_cast<std::int32_t>(r.err().code), r.err().message};
}

result<std::string> result_of(const node_answer& a) {
  if (a.code == 0)
    return a.text;
  return error{static_cast<errc>(a.code), a.text};
}

} // namespace weir
