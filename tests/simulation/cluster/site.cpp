#include "tests/simulation/cluster/site.hpp"
#include <weir/record/bytes.hpp>

namespace weir::simulation {

cluster::timing timing_in_simulation() {
  cluster::timing t;
  t.keep_alive = duration{500};
  t.lost = duration{2'000};
  t.jump = duration{1'000};
  t.give_up = duration{2'000};
  t.lonely_first = duration{10'000};
  t.lonely_longest = duration{60'000};
  t.ban_first = duration{5'000};
  t.ban_longest = duration{20'000};
  return t;
}

std::string encode_rows(const table& rows) {
  std::string out;
  byte_writer w(out);
  for (auto [key, count] : rows) {
    w.svarint(key);
    w.svarint(count);
  }
  return out;
}

table decode_rows(std::string_view bytes) {
  table out;
  for (byte_reader in(bytes); in.remaining() > 0;) {
    auto key = static_cast<int>(in.svarint());
    out[key] = static_cast<int>(in.svarint());
  }
  return out;
}

std::string encode_output(const std::vector<item>& records) {
  std::string out;
  byte_writer w(out);
  for (const auto& r : records) {
    w.svarint(r.id);
    w.svarint(r.key);
    w.svarint(r.first_count);
  }
  return out;
}

std::vector<item> decode_output(std::string_view bytes) {
  std::vector<item> out;
  for (byte_reader in(bytes); in.remaining() > 0;) {
    item r;
    r.id = static_cast<int>(in.svarint());
    r.key = static_cast<int>(in.svarint());
    r.first_count = static_cast<int>(in.svarint());
    out.push_back(r);
  }
  return out;
}

} // namespace weir::simulation
