#include <utility>
#include <weir/archive/archive_files.hpp>
#include <weir/core/fail_point.hpp>
#include "tests/archive/copied_job.hpp"

using namespace weir;
using namespace weir::test;

namespace {

namespace fs = std::filesystem;

/// A job whose machine fails in every way, against what it must know: its newest complete checkpoint, or, where a failure
/// left open whether that was complete, that one or the one before.
class model {
 public:
  explicit model(std::uint64_t seed) : random_(seed) {
    fs::create_directories(shared());
    job_ = std::make_unique<copied_job>(dir_.path + "/a", shared());
    job_->start();
    job_->began();
  }

  void step() {
    switch (one_of(13)) {
      case 0:
      case 1:
      case 2:
        return put();
      case 3:
        return output();
      case 4:
      case 5:
      case 6:
        return complete();
      case 7:
        return published();
      case 8:
        return apply();
      case 9:
        if (one_of(4) == 0)
          REQUIRE(job_->copy().snapshot_now().ok());
        return;
      case 10:
        return close();
      case 11:
        return warm();
      default:
        return disaster();
    }
  }

 private:
  std::uint64_t one_of(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_); }
  [[nodiscard]] std::string shared() const { return dir_.path + "/shared"; }

  void put() {
    auto key = "key" + std::to_string(one_of(20));
    auto value = std::to_string(random_()) + std::string(one_of(300), 'v');
    job_->put(key, value);
    next_.rows[copied_job::row(key)] = value;
  }
  void output() {
    auto chunk = "chunk" + std::to_string(random_());
    job_->output(chunk);
    staged_output_.push_back(chunk);
  }

  void complete() {
    // Now and then something fails on the way: in the copy, or behind it in the store.
    constexpr std::array points{"copy.writing=error", "copy.before_rename=error", "copy.after_rename=error",
                                "complete.before_commit=error"};
    auto fails = one_of(6) == 0 ? static_cast<int>(one_of(points.size())) : -1;
    if (fails >= 0)
      REQUIRE(arm_fail_points(points[static_cast<std::size_t>(fails)]).ok());
    auto number = ++number_;
    auto done = job_->complete(number);
    REQUIRE(arm_fail_points("").ok());
    CHECK(done.ok() == (fails < 0));
    auto then = next_;
    then.checkpoint = number;
    then.outbox = now_.outbox;
    if (!staged_output_.empty())
      then.outbox[number] = staged_output_;
    if (done) {
      now_ = next_ = then;
      staged_output_.clear();
      maybe_.reset();
      return;
    }
    if (fails > 1)
      maybe_ = then;
    // As with a full disk: the chunks fall to the next checkpoint, and the copy has one too many for now. Else the attempt is
    // over.
    if (fails < 3)
      restart();
  }

  void published() {
    if (now_.checkpoint == 0)
      return;
    marker m{job_->store().lineage(), job_->store().incarnation(), now_.checkpoint - one_of(2), all_records};
    REQUIRE(job_->store().set_published(m).ok());
    published_ = std::max(published_, m.checkpoint);
    forget_published(now_);
  }
  void forget_published(job_content& c) const { c.outbox.erase(c.outbox.begin(), c.outbox.upper_bound(published_)); }

  void apply() {
    for (int i = 0; i < 3; ++i)
      REQUIRE(job_->store().apply_slice().ok());
  }
  void close() { REQUIRE(job_->store().close(++number_).ok()); }

  void disaster() {
    switch (one_of(5)) {
      case 0:
        return restart();
      case 1: // The disk is lost.
        job_->stop();
        fs::remove_all(job_->directory());
        return restart();
      case 2:
        return put_back();
      case 3: // A backup of the disk, between two commits.
        fs::remove_all(dir_.path + "/backup");
        fs::copy(job_->directory(), dir_.path + "/backup", fs::copy_options::recursive);
        older_ = true;
        if (one_of(2) == 0)
          return;
        // And it is put back when the next checkpoint is out.
        put();
        complete();
        published();
        return put_back();
      default:
        return move();
    }
  }

  /// The disk is as it was at its backup.
  void put_back() {
    job_->stop();
    if (older_) {
      fs::remove_all(job_->directory());
      fs::copy(dir_.path + "/backup", job_->directory(), fs::copy_options::recursive);
    }
    restart();
  }

  void restart() {
    job_->stop();
    job_->start();
    started();
  }

  /// The machine that will be the next gets ready, while the job runs here.
  void warm() {
    const copied_job next(next_machine(), shared());
    auto in_it = warm_up(next.archive(), next.options(), warm_state_);
    REQUIRE(in_it.ok());
    // A change that the store failed to make behind its copy is in that one already.
    CHECK((*in_it == now_.checkpoint || (maybe_ && *in_it == maybe_->checkpoint)));
    warm_ = true;
  }
  [[nodiscard]] std::string next_machine() const { return dir_.path + "/" + std::to_string(machines_ + 1); }

  /// Another machine takes over while this process is only frozen: it must notice, and change nothing.
  void move() {
    auto just_now = one_of(2) == 0;
    if (just_now)
      warm();
    auto frozen = std::move(job_);
    job_ = std::make_unique<copied_job>(next_machine(), shared());
    ++machines_;
    warm_state_ = {};
    auto standing = job_->start();
    if (just_now)
      CHECK(standing == archive_standing::go_on);
    else if (!std::exchange(warm_, false))
      CHECK(standing == archive_standing::rebuild);
    warm_ = false;
    frozen->put("key1", "of the frozen one");
    auto late = frozen->complete(number_ + 1000);
    REQUIRE(!late.ok());
    CHECK(late.err().code == errc::fenced);
    frozen->stop();
    fs::remove_all(frozen->directory());
    started();
  }

  void started() {
    job_->began();
    auto found = job_->content();
    // A marker that the store had not written is found by the start from the topic.
    forget_published(found);
    if (maybe_)
      forget_published(*maybe_);
    forget_published(now_);
    if (maybe_ && found == *maybe_)
      now_ = *maybe_;
    INFO("found checkpoint " << found.checkpoint << ", expected " << now_.checkpoint);
    CHECK(found.checkpoint == now_.checkpoint);
    CHECK(found.outbox == now_.outbox);
    REQUIRE(found == now_);
    maybe_.reset();
    next_ = now_;
    staged_output_.clear();
  }

  temporary_directory dir_;
  std::mt19937_64 random_;
  std::unique_ptr<copied_job> job_;
  job_content now_, next_;
  std::optional<job_content> maybe_;
  std::vector<std::string> staged_output_;
  std::uint64_t number_ = 0, published_ = 0;
  int machines_ = 0;
  bool older_ = false;
  warm_up_state warm_state_; ///< Of the next machine.
  bool warm_ = false;        ///< The next machine has a store, of some time.
};

} // namespace

TEST_CASE("whatever is lost, put back or frozen, the newest complete checkpoint is found again") {
  auto seed = GENERATE(range(1, 25));
  INFO("seed " << seed);
  model m(static_cast<std::uint64_t>(seed));
  for (int i = 0; i < 120; ++i)
    m.step();
}
