#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weir/record/batch_codec.hpp>
#include <weir/record/frame.hpp>
#include <weir/task/output_router.hpp>
#include <weir/task/task_core.hpp>

// What the cores of tasks and readers are put between when they are tested alone.

namespace task_test {

/// Rows of text; the key hash of each is its number.
inline std::unique_ptr<weir::batch<std::string>> rows(const std::vector<std::string>& values, std::uint64_t first_hash = 0) {
  auto b = std::make_unique<weir::batch<std::string>>();
  for (const auto& v : values) {
    weir::row_meta m;
    m.key_hash = first_hash++;
    b->push(v, m);
  }
  return b;
}
inline weir::frame data(const std::vector<std::string>& values) { return weir::data_frame{rows(values)}; }

/// A frame in one word: "a,b" for rows, "w5", "b3", "b3!" (final), "idle", "active", "end".
inline std::string text(const weir::frame& f) {
  if (const auto* d = std::get_if<weir::data_frame>(&f)) {
    std::string out;
    for (const auto& v : static_cast<const weir::batch<std::string>&>(*d->rows).values)
      out += (out.empty() ? "" : ",") + v;
    return out;
  }
  if (const auto* w = std::get_if<weir::watermark_frame>(&f))
    return "w" + std::to_string(w->time.us);
  if (const auto* b = std::get_if<weir::barrier_frame>(&f))
    return "b" + std::to_string(b->checkpoint) + (b->final_barrier ? "!" : "");
  if (const auto* s = std::get_if<weir::status_frame>(&f))
    return s->idle ? "idle" : "active";
  return "end";
}

/// Receives what a router sends: per channel the words of the frames, and how many messages they came in.
struct receiver {
  std::map<std::uint32_t, std::vector<std::string>> frames;
  std::map<std::uint32_t, std::size_t> bytes;
  std::size_t messages = 0;

  weir::output_router::send_function function() {
    return [this](const weir::out_channel& c, std::vector<weir::frame> sent) {
      ++messages;
      for (auto& f : sent) {
        bytes[c.channel] += weir::credit_cost(f);
        frames[c.channel].push_back(text(f));
      }
    };
  }
  /// A router with one edge to channels 0 to n - 1.
  std::unique_ptr<weir::output_router> router(weir::routing route, std::uint32_t n, std::int64_t credit = 1 << 20) {
    auto r = std::make_unique<weir::output_router>(function());
    std::vector<weir::out_channel> channels;
    for (std::uint32_t i = 0; i < n; ++i)
      channels.push_back({i, &weir::codec_for<std::string>(), credit});
    r->add_edge(route, 128, std::move(channels));
    return r;
  }
  std::vector<std::string> take(std::uint32_t channel = 0) { return std::exchange(frames[channel], {}); }
};

/// Keeps what a task says and hands to the store.
struct fake_host : weir::task_host {
  std::map<std::uint32_t, std::size_t> credit;
  std::map<std::uint64_t, weir::contribution> acknowledged;
  std::vector<std::uint64_t> declined;
  std::vector<std::string> deltas; ///< Spilled chunks among them: the store numbers them together.
  std::vector<bool> spilled;       ///< Which of `deltas` are.
  std::vector<std::string> outbox;
  unsigned ended = 0;
  void return_credit(std::uint32_t channel, std::size_t bytes) override { credit[channel] += bytes; }
  void stage_delta(std::string chunk) override {
    deltas.push_back(std::move(chunk));
    spilled.push_back(false);
  }
  void stage_outbox(std::string chunk) override { outbox.push_back(std::move(chunk)); }
  void stage_spill(std::string chunk) override {
    deltas.push_back(std::move(chunk));
    spilled.push_back(true);
  }
  void acknowledge(std::uint64_t k, weir::contribution c) override { acknowledged[k] = std::move(c); }
  void decline(std::uint64_t k, const std::string&) override { declined.push_back(k); }
  void finished() override { ++ended; }
};

using words = std::vector<std::string>;

} // namespace task_test
