#include <weir/cluster/log_authority.hpp>

namespace weir::cluster {

lineage_id log_authority::lineage() const {
  const auto* job = read();
  return job == nullptr ? lineage_id{} : lineage_from(job->assignment.lineage);
}

std::uint64_t log_authority::incarnation() const {
  const auto* job = read();
  return job == nullptr ? 0 : job->incarnation;
}

std::uint64_t log_authority::highest_number() const {
  const auto* job = read();
  return job == nullptr ? 0 : job->highest_number();
}

std::optional<std::uint64_t> log_authority::newest() const {
  const auto* job = read();
  if (job == nullptr || !job->complete)
    return std::nullopt;
  return job->complete->checkpoint;
}

bool log_authority::runs_current_attempt() const {
  const auto* job = read();
  return office_->now() == control_office::standing::in && !beginning_ && job != nullptr && job->current.term == office_->term();
}

void log_authority::complete(const completion& c, completed done) {
  if (!runs_current_attempt())
    return done(error{errc::fenced, "'" + office_->node() + "' does not lead job '" + job_ + "'"});
  if (!c.manifest)
    return done(error{errc::invalid_argument, "checkpoint " + std::to_string(c.checkpoint) + " of job '" + job_ +
                                                  "' has no manifest in the shared directory"});
  if (c.checkpoint <= highest_number())
    return done(error{errc::invalid_argument,
                      "checkpoint " + std::to_string(c.checkpoint) + " of job '" + job_ + "' is not above everything recorded"});
  office_->commit(read()->current.attempt, {complete_record{job_, c.checkpoint, *c.manifest, c.ended}}, std::move(done));
}

void log_authority::close(std::uint64_t checkpoint, judged done) {
  if (!runs_current_attempt())
    return done(error{errc::fenced, "'" + office_->node() + "' does not lead job '" + job_ + "'"});
  // Behind every commit that is under way: if the topic is to know k as complete, it does when this one is read back.
  office_->commit(read()->current.attempt, {closed_record{job_, checkpoint}},
                  [this, checkpoint, done = std::move(done)](const result<>& written) {
                    if (!written)
                      return done(written.err());
                    done(newest() == checkpoint ? verdict::complete : verdict::closed);
                  });
}

void log_authority::ask_slot(const slot_id& slot, std::uint64_t own, bool, stepped done) {
  office_->look([this, slot, own, done = std::move(done)](const result<>& looked) {
    if (!looked)
      return done(looked.err());
    const auto* job = read();
    if (job == nullptr)
      return done(slot_step::give_up);
    done(decide_slot(office_->node(), own, {job->owner_of(slot), job->incarnation}));
  });
}

void log_authority::begin_attempt(assignment_record a, completed done) {
  const auto* job = read();
  auto attempt = job == nullptr ? 1 : job->current.attempt + 1;
  a.job = job_;
  beginning_ = true;
  office_->commit(attempt, {std::move(a)}, [this, done = std::move(done)](const result<>& written) {
    beginning_ = false;
    done(written);
  });
}

void log_authority::list_garbage(std::vector<std::string> names, completed done) {
  if (!runs_current_attempt())
    return done(error{errc::fenced, "'" + office_->node() + "' does not lead job '" + job_ + "'"});
  // Batches need not be dense: only one is not listed yet, the newest.
  const auto& garbage = read()->garbage;
  auto batch = garbage.empty() ? 1 : garbage.rbegin()->first + 1;
  office_->commit(read()->current.attempt, {garbage_record{job_, batch, std::move(names)}}, std::move(done));
}

void log_authority::forget_garbage(const std::vector<std::uint64_t>& batches, completed done) {
  std::vector<std::string> keys;
  keys.reserve(batches.size());
  for (auto b : batches)
    keys.push_back(key_of(garbage_record{job_, b, {}}));
  office_->remove(std::move(keys), std::move(done));
}

} // namespace weir::cluster
