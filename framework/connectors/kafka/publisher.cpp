#include <algorithm>
#include <thread>
#include <weir/connectors/kafka/enqueue.hpp>
#include <weir/connectors/kafka/marker.hpp>
#include <weir/connectors/kafka/message.hpp>
#include <weir/connectors/kafka/publisher.hpp>
#include <weir/core/fail_point.hpp>

namespace weir::kafka {
namespace {

constexpr std::size_t marker_record = ~std::size_t{0} - 1;
constexpr std::size_t largest_record = 256u << 20; // Of librdkafka's own limit, which must not be the one that decides.
using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

} // namespace

void delivery_failures::take(rd_kafka_event_t* event) {
  std::lock_guard lock(mutex_);
  while (const auto* m = rd_kafka_event_message_next(event)) {
    // Purged ones were thrown away by our own abort.
    if (!m->err || m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
      continue;
    failures_.push_back({reinterpret_cast<std::size_t>(m->_private) - 1, m->err});
    any_ = true;
  }
}

void delivery_failures::clear() {
  std::lock_guard lock(mutex_);
  failures_.clear();
  any_ = false;
}

std::vector<delivery_failures::failure> delivery_failures::all() const {
  std::lock_guard lock(mutex_);
  return failures_;
}

kafka_publisher::kafka_publisher(kafka_config config, publisher_options options, std::shared_ptr<topic_limits> limits, logger log)
    : config_(std::move(config)), options_(std::move(options)), limits_(std::move(limits)), log_(std::move(log)) {}

kafka_publisher::~kafka_publisher() {
  if (state_ == state::open)
    abort();
}

std::string kafka_publisher::where() const { return "connection '" + config_.name + "', transactional id '" + options_.id + "'"; }

milliseconds kafka_publisher::call_limit() const { return config_.transaction_timeout + std::chrono::seconds(2); }

result<std::shared_ptr<client>> kafka_publisher::make_producer() {
  batch_bytes_ = isolating_ ? 1 : limits_->batch_bytes(usual_batch);
  property_list defaults{{"linger.ms", "0"}};
  property_list fixed{
      {"transactional.id", options_.id},
      {"enable.idempotence", "true"},
      {"transaction.timeout.ms", std::to_string(config_.transaction_timeout.count())},
      {"message.timeout.ms", std::to_string(config_.delivery_timeout.count())},
      {"compression.type", config_.compression},
      {"delivery.report.only.error", "true"},
      {"message.max.bytes", std::to_string(largest_record)},
      {"batch.size", std::to_string(batch_bytes_)},
      {"queue.buffering.max.kbytes", std::to_string(std::max<std::size_t>(options_.queue_bytes / 1024, 1024))},
      {"queue.buffering.max.messages", std::to_string(std::clamp<std::size_t>(options_.queue_bytes / 256, 1000, 1'000'000))}};
  WEIR_ASSIGN(auto conf, make_conf(config_, defaults, fixed));
  return client::open(RD_KAFKA_PRODUCER, std::move(conf), config_.name, log_,
                      {.delivered = [f = failures_](rd_kafka_event_t* e) { f->take(e); }, .trouble = {}});
}

/// Makes a call of the transactional API under a time limit of ours: some were seen to hang for ever.
template <class Call>
call_outcome kafka_publisher::guarded(Call call, milliseconds limit) {
  auto answer = std::make_shared<call_outcome>();
  if (calls_.run([answer, call, p = producer_] { *answer = outcome_of(call(p->get())); }, limit))
    return *answer;
  call_outcome hung;
  hung.err = RD_KAFKA_RESP_ERR__TIMED_OUT;
  hung.fatal = true;
  hung.text = "the call did not return within " + std::to_string(limit.count()) + " ms";
  return hung;
}

result<> kafka_publisher::init_transactions() {
  auto limit = std::min(config_.request_timeout * 3, config_.transaction_timeout);
  auto deadline = steady::now() + limit;
  for (;;) {
    auto rest = std::chrono::duration_cast<milliseconds>(deadline - steady::now());
    auto wait = static_cast<int>(std::max<milliseconds::rep>(1, rest.count()));
    auto o = guarded([wait](rd_kafka_t* rk) { return rd_kafka_init_transactions(rk, wait); }, rest + std::chrono::seconds(2));
    if (o.ok())
      return success();
    if (o.fenced())
      return {errc::fenced, where() + ": another process took the id over at the same moment: " + o.text};
    auto code = code_of(o.err);
    if (code == errc::not_authorized || code == errc::invalid_argument)
      return {code, where() + ": " + o.text};
    if (!o.retriable || steady::now() >= deadline) {
      auto e = producer_->unavailable("transactional id '" + options_.id + "' could not be taken over: " + o.text);
      return e;
    }
  }
}

result<> kafka_publisher::fence() {
  if (state_ == state::fenced)
    return final_cause_;
  if (state_ == state::unknown)
    return {errc::unknown_outcome, final_cause_.message};
  WEIR_TRY(hit(fail_point::kafka_fence_before));
  forget_transaction();
  handles_.clear();
  producer_.reset();
  state_ = state::unfenced;
  WEIR_ASSIGN(producer_, make_producer());
  if (auto r = init_transactions(); !r) {
    if (r.err().code == errc::fenced)
      (void)end(state::fenced, publish_outcome::fenced, r.err().message);
    else
      producer_.reset();
    return r;
  }
  state_ = state::ready;
  fenced_once_ = true;
  return hit(fail_point::kafka_fence_after);
}

result<std::optional<marker>> kafka_publisher::read_marker() {
  if (state_ == state::unfenced && !fenced_once_)
    return {errc::invalid_argument, where() + ": the marker is read after fencing"};
  WEIR_TRY(hit(fail_point::kafka_marker_read));
  auto r =
      read_newest_marker(config_, options_.marker_topic, options_.marker_partition, options_.id,
                         config_.transaction_timeout - std::min(config_.transaction_timeout / 4, config_.request_timeout), log_);
  if (!r)
    return r.err().in(where());
  marker_known_ = true;
  marker_ = *r;
  return r;
}

publish_report kafka_publisher::end(state s, publish_outcome outcome, const std::string& why) {
  state_ = s;
  final_cause_ = {outcome == publish_outcome::fenced ? errc::fenced : errc::unknown_outcome, why};
  forget_transaction();
  return {outcome, 0, final_cause_};
}

void kafka_publisher::forget_transaction() {
  failures_->clear();
  sent_.clear();
  topics_.clear();
}

publish_report kafka_publisher::ensure_open() {
  switch (state_) {
    case state::fenced:
      return {publish_outcome::fenced, 0, final_cause_};
    case state::unknown:
      return {publish_outcome::unknown, 0, final_cause_};
    case state::open:
      return {};
    case state::ready:
      if (batch_bytes_ == 1 || limits_->batch_bytes(usual_batch) >= batch_bytes_)
        return begin();
      break; // A topic with a smaller limit came: its records need smaller batches.
    case state::unfenced:
      break;
  }
  if (!fenced_once_)
    return {publish_outcome::retriable, 0, {errc::invalid_argument, where() + ": publishing before fencing"}};
  if (auto r = replace(); r.outcome != publish_outcome::done)
    return r;
  return begin();
}

publish_report kafka_publisher::replace() {
  if (auto r = fence(); !r) {
    auto outcome = r.err().code == errc::fenced           ? publish_outcome::fenced
                   : r.err().code == errc::not_authorized ? publish_outcome::gone
                                                          : publish_outcome::retriable;
    return {outcome, 0, r.err()};
  }
  if (!marker_known_)
    return {};
  // The new producer fenced whoever had taken the id over since ours was made: only the marker tells whether somebody had.
  auto before = marker_;
  auto now = read_marker();
  if (!now) {
    state_ = state::unfenced;
    return {publish_outcome::retriable, 0, now.err()};
  }
  if (*now != before)
    return end(state::unknown, publish_outcome::unknown, where() + ": another process published under this id meanwhile");
  return {};
}

publish_report kafka_publisher::begin() {
  forget_transaction();
  auto o = guarded([](rd_kafka_t* rk) { return rd_kafka_begin_transaction(rk); }, config_.request_timeout);
  if (!o.ok()) {
    if (o.err == RD_KAFKA_RESP_ERR__TIMED_OUT)
      return end(state::unknown, publish_outcome::unknown, where() + ": beginning a transaction: " + o.text);
    return fail(o);
  }
  state_ = state::open;
  if (auto r = hit(fail_point::kafka_publish_begun); !r)
    return fail(local_failure(RD_KAFKA_RESP_ERR__FAIL, r.err().message));
  return {};
}

rd_kafka_topic_t* kafka_publisher::handle_of(std::string_view topic) {
  auto it = handles_.find(topic);
  if (it == handles_.end())
    it =
        handles_.emplace(std::string(topic), topic_ptr(rd_kafka_topic_new(producer_->get(), std::string(topic).c_str(), nullptr)))
            .first;
  return it->second.get();
}

call_outcome kafka_publisher::produce(const output_record& r, std::size_t index) {
  auto bytes = wire_size(r.key ? r.key->size() : 0, r.value ? r.value->size() : 0, r.packed_headers.size());
  if (index != marker_record) {
    auto it = std::find(topics_.begin(), topics_.end(), r.topic);
    auto topic = static_cast<std::uint32_t>(it - topics_.begin());
    if (it == topics_.end())
      topics_.emplace_back(r.topic);
    sent_.push_back({static_cast<std::uint32_t>(std::min<std::size_t>(bytes, ~std::uint32_t{0})), topic});
  }
  if (bytes > largest_record)
    return local_failure(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "a record of " + std::to_string(bytes) + " bytes");
  auto* handle = handle_of(r.topic);
  if (!handle)
    return local_failure(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "'" + std::string(r.topic) + "' cannot be the name of a topic");
  auto deadline = steady::now() + config_.delivery_timeout;
  for (;;) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a number as a pointer of the application.
    auto o = enqueue(producer_->get(), handle, r, reinterpret_cast<void*>(index + 1));
    if (o.err != RD_KAFKA_RESP_ERR__QUEUE_FULL || failures_->any() || steady::now() > deadline)
      return o;
    // Space comes by acknowledgements, whose reports are off: the full queue holds far more than is sent meanwhile.
    std::this_thread::sleep_for(milliseconds(1));
  }
}

publish_report kafka_publisher::add(std::span<const output_record> records) {
  if (auto r = ensure_open(); r.outcome != publish_outcome::done)
    return r;
  sent_.reserve(sent_.size() + records.size());
  for (const auto& record : records) {
    auto index = sent_.size();
    auto o = produce(record, index);
    if (o.ok())
      continue;
    if (outcome_of_delivery(o.err) == publish_outcome::unwritable && !failures_->any()) {
      abort_or_replace();
      return {publish_outcome::unwritable,
              index,
              {code_of(o.err), where() + ", topic '" + std::string(record.topic) + "': " + o.text}};
    }
    return fail(o);
  }
  if (failures_->any())
    return fail({});
  return {};
}

void kafka_publisher::set_group_offsets(const std::string& group,
                                        const std::map<std::pair<std::string, std::int32_t>, std::int64_t>& next) {
  group_ = group;
  group_offsets_ = next;
}

publish_report kafka_publisher::commit(const marker& m) {
  if (auto r = ensure_open(); r.outcome != publish_outcome::done)
    return r;
  if (auto r = hit(fail_point::kafka_publish_before_marker); !r)
    return fail(local_failure(RD_KAFKA_RESP_ERR__FAIL, r.err().message));
  auto value = encode_marker(m);
  auto now = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  output_record record{options_.marker_topic, options_.marker_partition, options_.id, value, {}, now};
  if (auto o = produce(record, marker_record); !o.ok())
    return fail(o);
  if (auto r = send_group_offsets(); r.outcome != publish_outcome::done)
    return r;
  if (auto r = hit(fail_point::kafka_publish_before_commit); !r)
    return fail(local_failure(RD_KAFKA_RESP_ERR__FAIL, r.err().message));
  auto report = commit_transaction();
  if (report.outcome == publish_outcome::done) {
    marker_known_ = true;
    marker_ = m;
    if (auto r = hit(fail_point::kafka_publish_after_commit); !r)
      return end(state::unknown, publish_outcome::unknown, r.err().message);
  }
  return report;
}

publish_report kafka_publisher::send_group_offsets() {
  if (group_offsets_.empty())
    return {};
  std::shared_ptr<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(group_offsets_.size())), rd_kafka_topic_partition_list_destroy);
  for (const auto& [where_to, offset] : group_offsets_)
    rd_kafka_topic_partition_list_add(list.get(), where_to.first.c_str(), where_to.second)->offset = offset;
  std::shared_ptr<rd_kafka_consumer_group_metadata_t> group(rd_kafka_consumer_group_metadata_new(group_.c_str()),
                                                            rd_kafka_consumer_group_metadata_destroy);
  call_outcome o;
  auto deadline = steady::now() + config_.delivery_timeout;
  do {
    o = guarded([list, group](rd_kafka_t* rk) { return rd_kafka_send_offsets_to_transaction(rk, list.get(), group.get(), -1); },
                call_limit());
  } while (o.retriable && !o.ok() && steady::now() < deadline);
  group_offsets_.clear();
  return o.ok() ? publish_report{} : fail(o);
}

publish_report kafka_publisher::commit_transaction() {
  auto deadline = steady::now() + config_.transaction_timeout;
  for (;;) {
    auto o = guarded([](rd_kafka_t* rk) { return rd_kafka_commit_transaction(rk, -1); }, call_limit());
    if (o.ok()) {
      state_ = state::ready;
      forget_transaction();
      if (isolating_) {
        isolating_ = false;
        state_ = state::unfenced; // Back to batches of the usual size: a new producer.
      }
      return {};
    }
    if (o.fenced())
      return end(state::fenced, publish_outcome::fenced, where() + ": another process has taken over: " + o.text);
    // Behind a failed delivery, or a topic that could not be made part of the transaction, its end was never asked for. Every
    // other abortable error may come after it was: librdkafka can give a transaction up while its broker commits it.
    if (o.abortable && (failures_->any() || outcome_of_delivery(o.err) == publish_outcome::gone))
      return fail(o);
    if (!o.retriable || steady::now() > deadline)
      return end(state::unknown, publish_outcome::unknown, where() + ": the commit was not confirmed: " + o.text);
  }
}

void kafka_publisher::abort() {
  if (state_ != state::open)
    return;
  abort_or_replace();
  group_offsets_.clear();
}

void kafka_publisher::abort_or_replace() {
  if (state_ != state::open && state_ != state::ready)
    return;
  call_outcome o;
  auto deadline = steady::now() + config_.request_timeout;
  do {
    o = guarded([](rd_kafka_t* rk) { return rd_kafka_abort_transaction(rk, -1); }, call_limit());
  } while (!o.ok() && o.retriable && !o.fatal && steady::now() < deadline);
  forget_transaction();
  if (o.ok())
    state_ = state::ready;
  else if (o.fenced())
    (void)end(state::fenced, publish_outcome::fenced, where() + ": another process has taken over: " + o.text);
  else
    // What was not committed never shows: the next fencing aborts it.
    state_ = state::unfenced;
}

publish_report kafka_publisher::fail(const call_outcome& cause) {
  auto fatal_error = RD_KAFKA_RESP_ERR_NO_ERROR;
  char text[512] = "";
  if (producer_)
    fatal_error = rd_kafka_fatal_error(producer_->get(), text, sizeof text);
  if (cause.fenced() || is_fencing(fatal_error))
    return end(state::fenced, publish_outcome::fenced,
               where() + ": another process has taken over: " + (cause.fenced() ? cause.text : std::string(text)));
  auto report = judge_failures(cause);
  if (report.outcome == publish_outcome::fenced)
    return end(state::fenced, publish_outcome::fenced, report.cause.message);
  // The abort comes first also where a new producer follows, though behind a refused batch it was seen to take 30 s: requests of
  // a producer that is only destroyed may arrive behind its successor's fencing and leave a transaction open for good.
  if (fatal_error || cause.fatal)
    state_ = state::unfenced;
  else
    abort_or_replace();
  if (state_ == state::fenced)
    return {publish_outcome::fenced, 0, final_cause_};
  if (replace_producer_)
    state_ = state::unfenced;
  replace_producer_ = false;
  forget_transaction();
  return report;
}

} // namespace weir::kafka
