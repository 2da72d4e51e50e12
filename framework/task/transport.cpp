#include <weir/task/transport.hpp>

namespace weir {
namespace {

class memory final : public channel_transport {
 public:
  [[nodiscard]] std::shared_ptr<packet> wrap(std::vector<frame> frames, const batch_codec*) const override {
    auto p = std::make_shared<packet>();
    p->frames = std::move(frames);
    return p;
  }
  [[nodiscard]] result<std::vector<frame>> unwrap(packet& p, const batch_codec*) const override { return std::move(p.frames); }
};

class encoding final : public channel_transport {
 public:
  [[nodiscard]] std::shared_ptr<packet> wrap(std::vector<frame> frames, const batch_codec* codec) const override {
    auto p = std::make_shared<packet>();
    std::string one;
    byte_writer out(p->encoded);
    for (auto& f : frames) {
      one.clear();
      encode_frame(f, *codec, one);
      out.string(one);
    }
    return p;
  }
  [[nodiscard]] result<std::vector<frame>> unwrap(packet& p, const batch_codec* codec) const override {
    std::vector<frame> frames;
    byte_reader in(p.encoded);
    while (in.remaining() > 0) {
      auto bytes = in.string();
      if (!in.ok())
        return error{errc::decode_failed, "a packet of frames is cut short"};
      WEIR_ASSIGN(auto f, decode_frame(bytes, *codec));
      frames.push_back(std::move(f));
    }
    return frames;
  }
};

} // namespace

const channel_transport& memory_transport() {
  static const memory instance;
  return instance;
}

const channel_transport& encoding_transport() {
  static const encoding instance;
  return instance;
}

} // namespace weir
