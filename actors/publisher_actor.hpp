#pragma once
#include <deque>
#include <map>
#include <weir/task/epoch_publisher.hpp>
#include <weir/task/told_offsets.hpp>
#include "actors/job_shared.hpp"
#include "actors/messages.hpp"

namespace weir {

struct publisher_options {
  std::shared_ptr<epoch_publisher> publisher; ///< Fenced and identified; nobody else uses it meanwhile.
  lineage_id lineage;
  std::uint64_t incarnation = 0;
  caf::actor store;
  caf::actor supervisor;
  /// A topic that the job reads: where its offsets are shown to people, and the source vertices that read it.
  struct read_topic {
    source_connection* connection = nullptr;
    std::vector<std::string> readers;
  };
  std::map<std::pair<std::string, std::string>, read_topic> topics; ///< By connection and topic.
  std::shared_ptr<const msg::source_positions> positions;           ///< Where the sources begin.
  duration commit_again{0};                                         ///< As in job_spec.
  std::shared_ptr<job_shared> shared;
  logger log;
};

/// Publishes complete epochs (detached: every call may block on a broker). Epochs that wait while one is published go out
/// in one transaction together.
struct publisher_state {
  publisher_options options;
  std::deque<msg::complete> waiting;
  std::vector<epoch_output> gathered;
  std::size_t gathered_bytes = 0;
  bool reading = false; ///< An outbox is asked for.
  bool failed = false;
  std::shared_ptr<const msg::source_positions> positions;            ///< Of the newest of `gathered`, or of what is asked for.
  std::shared_ptr<const msg::source_positions> reached;              ///< Published up to here; null: not known.
  std::map<std::pair<std::string, std::string>, told_offsets> shown; ///< Like `topics`.
  static inline const char* name = "weir.publisher";
};
caf::behavior publisher_actor(caf::stateful_actor<publisher_state>* self, publisher_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::publisher_options)
