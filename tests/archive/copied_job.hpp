#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>
#include <weir/archive/checkpoint_archive.hpp>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

namespace weir::test {

/// What must be found again of a job, whatever happened to its disk.
struct job_content {
  std::uint64_t checkpoint = 0;
  std::map<std::string, std::string> rows;
  std::map<std::uint64_t, std::vector<std::string>> outbox; ///< Not published, by checkpoint.
  friend bool operator==(const job_content&, const job_content&) = default;
};

/// A job's store with its copy, run by hand in the way of the actors.
class copied_job {
 public:
  copied_job(std::string store, std::string directory) : store_directory_(std::move(store)) {
    archive_.directory = std::move(directory);
    archive_.name_space = "test";
    archive_.job = "job";
  }

  [[nodiscard]] job_store_options options() const {
    job_store_options o;
    o.directory = store_directory_;
    o.job = "job";
    o.map_size = std::size_t{256} << 20;
    o.apply_checkpoints = 2;
    return o;
  }

  /// As a start does: looks, makes the store from the copy if it must, takes the copy over. What was decided first.
  archive_standing start() {
    std::optional<archive_standing> first;
    for (int i = 0;; ++i) {
      REQUIRE(i < 3);
      open();
      auto facts = look();
      auto standing = decide_standing(facts);
      first = first.value_or(standing);
      if (standing == archive_standing::begin || standing == archive_standing::go_on) {
        auto taken = take_over(facts, standing);
        REQUIRE(taken.ok());
        return *first;
      }
      store_.reset();
      auto made = standing == archive_standing::rebuild ? rebuild_from_archive(*facts.found, options())
                                                        : roll_forward(*facts.found, options());
      if (!made)
        FAIL(made.err().message);
    }
  }

  /// The store, in an incarnation of its own, without a look at the copy.
  void open() {
    auto opened = open_job_store(options());
    REQUIRE(opened.ok());
    store_ = std::move(*opened);
    REQUIRE(store_->begin_incarnation().ok());
  }

  /// On an open store, with what was seen of the copy.
  result<> take_over(const standing_facts& seen, archive_standing standing) {
    WEIR_ASSIGN(copy_, checkpoint_archive::take_over(archive_, *store_, seen.found, standing, std::make_shared<archive_figures>(),
                                                     logger("job", "-", -1)));
    store_->copy_changes_to(copy_);
    return success();
  }

  void stop() {
    copy_.reset();
    store_.reset();
  }

  /// A change of a row and output, staged; then checkpoint `number`.
  void put(const std::string& key, const std::string& value) {
    delta_chunk_writer w;
    w.put(state_kind::value, row(key), value);
    auto n = store_->stage_delta(task_, w.finish());
    REQUIRE(n.ok());
    delta_end_ = *n + 1;
  }
  void output(const std::string& chunk) {
    auto n = store_->stage_outbox(task_, chunk);
    REQUIRE(n.ok());
    outbox_end_ = *n + 1;
  }
  result<> complete(std::uint64_t number) {
    checkpoint_manifest m;
    m.number = number;
    m.incarnation = store_->incarnation();
    m.contributions.push_back({task_, "", delta_end_, outbox_end_, false});
    return store_->complete(m);
  }
  void began() { delta_end_ = outbox_end_ = 0; }

  job_content content() {
    job_content c;
    auto all = store_->checkpoints();
    REQUIRE(all.ok());
    if (!all->empty())
      c.checkpoint = all->front().number;
    auto base = std::move(*store_->open_base());
    REQUIRE(base->scan("",
                       [&](std::string_view key, std::string_view value) {
                         c.rows[std::string(key)] = value;
                         return true;
                       })
                .ok());
    base->release();
    REQUIRE(store_
                ->read_unapplied([&](const participant_id&, std::uint64_t, std::string_view chunk) -> result<> {
                  WEIR_ASSIGN(auto reader, delta_chunk_reader::open(chunk));
                  for (;;) {
                    WEIR_ASSIGN(auto more, reader.next());
                    if (!more)
                      return success();
                    c.rows[std::string(reader.row_key())] = reader.value();
                  }
                })
                .ok());
    auto waiting = store_->unpublished_epochs();
    REQUIRE(waiting.ok());
    for (const auto& e : *waiting)
      REQUIRE(store_
                  ->read_outbox(e.checkpoint,
                                [&](const participant_id&, std::string_view chunk) {
                                  c.outbox[e.checkpoint].emplace_back(chunk);
                                  return success();
                                })
                  .ok());
    return c;
  }

  static std::string row(const std::string& key) { return value_row_key(1, 0, key); }
  [[nodiscard]] job_store& store() { return *store_; }
  [[nodiscard]] checkpoint_archive& copy() { return *copy_; }
  [[nodiscard]] const archive_options& archive() const { return archive_; }
  [[nodiscard]] const std::string& directory() const { return store_directory_; }

  standing_facts look() {
    auto facts = look_at_standing(archive_, *store_);
    REQUIRE(facts.ok());
    return *facts;
  }

 private:
  const participant_id task_{"totals", 0};
  std::string store_directory_;
  archive_options archive_;
  std::unique_ptr<job_store> store_;
  std::shared_ptr<checkpoint_archive> copy_;
  std::uint64_t delta_end_ = 0, outbox_end_ = 0;
};

} // namespace weir::test
