#include <weir/record/raw_record.hpp>
#include <weir/task/command_appender.hpp>

namespace weir {

command_appender::command_appender(std::vector<target> targets, answer_function answer)
    : targets_(std::move(targets)), answer_(std::move(answer)) {}

void command_appender::append(std::uint64_t call, std::size_t topic, raw_record record) {
  encoded_record r;
  const auto headers = pack_headers(record.headers);
  r.key = record.key;
  r.value = record.value;
  r.packed_headers = headers;
  r.time = record.time;
  if (auto fits = check_writable(targets_[topic].to, r); !fits)
    return answer_(call, ask_error{ask_errc::failed, "the command cannot be appended: " + fits.err().message});
  waiting_.push_back({call, topic, std::move(record), 0});
}

result<bool> command_appender::send(pending& p) {
  auto& t = targets_[p.topic];
  output_record o;
  const auto headers = pack_headers(p.record.headers);
  o.topic = t.to.topic.topic;
  o.key = p.record.key;
  o.value = p.record.value;
  o.partition = t.to.partitioner->partition_for(o.key, t.to.topic.partitions);
  o.packed_headers = headers;
  o.time_ms = p.record.time.ms();
  WEIR_ASSIGN(auto sent, t.producer->send(o));
  if (sent)
    p.mark = t.producer->sent_mark();
  return sent;
}

error command_appender::fail(const error& e) {
  for (auto* all : {&sent_, &waiting_})
    for (auto& p : std::exchange(*all, {}))
      answer_(p.call, ask_error{ask_errc::unavailable, "the command topic does not take commands: " + e.message});
  return e;
}

result<> command_appender::poll() {
  while (!waiting_.empty()) {
    auto sent = send(waiting_.front());
    if (!sent)
      return fail(sent.err());
    if (!*sent)
      break;
    sent_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  while (!sent_.empty()) {
    auto there = targets_[sent_.front().topic].producer->flushed_through(sent_.front().mark);
    if (!there)
      return fail(there.err());
    if (!*there)
      return success();
    auto call = sent_.front().call;
    sent_.pop_front();
    answer_(call, std::nullopt);
  }
  return success();
}

} // namespace weir
