#pragma once
#include <memory>
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/log/embedded_log.hpp>

namespace weir::log_detail {

/// The parts of the log's connection; each behaves as its interface in connector.hpp says.
std::unique_ptr<source_connection> make_source(std::shared_ptr<embedded_log> log, std::string group);
std::unique_ptr<sink_connection> make_sink(std::shared_ptr<embedded_log> log, std::size_t queue_bytes,
                                           log_topic_options new_topics);
std::unique_ptr<transactional_publisher> make_publisher(std::shared_ptr<embedded_log> log, std::string id,
                                                        std::string marker_topic);
std::unique_ptr<direct_producer> make_direct(std::shared_ptr<embedded_log> log, std::size_t queue_bytes,
                                             std::function<void()> wake);

/// Topics never change, so each is looked up once.
class topic_cache {
 public:
  explicit topic_cache(std::shared_ptr<embedded_log> log) : log_(std::move(log)) {}
  /// The pointer lives as long as the cache. Errors: not_found.
  result<const log_topic*> find(std::string_view name);

 private:
  std::shared_ptr<embedded_log> log_;
  std::map<std::string, log_topic, std::less<>> known_;
};

topic_description describe_topic(const log_topic& t);

} // namespace weir::log_detail
