#include <weir/connectors/log/embedded_log.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <random>
#include <weir/connectors/log/detail/environment.hpp>
#include <weir/connectors/log/detail/format.hpp>
#include <weir/connectors/log/detail/watcher.hpp>

namespace weir {

using log_detail::cursor;
using log_detail::transaction;

namespace {

constexpr std::int32_t most_partitions = 10'000;
constexpr std::size_t most_record_bytes = 256u << 20;
/// LMDB takes keys up to 511 bytes; ids stay well below, with room for what we put behind them.
constexpr std::size_t most_id_bytes = 400;
/// Chunks looked at in one transaction while searching: bounds how long it pins freed pages.
constexpr int chunks_per_search = 4'096;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string random_id() {
  std::random_device rd;
  static constexpr char digits[] = "0123456789abcdef";
  std::string id;
  for (int i = 0; i < 32; ++i)
    id.push_back(digits[rd() & 15]);
  return id;
}

error no_topic(std::string_view name) { return {errc::not_found, "topic '" + std::string(name) + "' does not exist"}; }

/// LMDB breaks if one process opens an environment twice, so that everybody shares the first one. Counted by hand and not
/// by weak_ptr: the last owner must have closed it before anyone opens it again.
struct registry {
  struct slot {
    std::unique_ptr<embedded_log> log;
    std::size_t owners = 0;
  };
  struct key {
    int process;
    dev_t device;
    ino_t inode;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the literal of a defaulted comparison for a pointer.
    auto operator<=>(const key&) const = default;
  };
  std::mutex mutex;
  std::map<key, slot> slots;

  static registry& instance() {
    static auto* r = new registry;
    return *r;
  }
};

} // namespace

bool valid_topic_name(std::string_view name) {
  if (name.empty() || name.size() > 249 || name == "." || name == "..")
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

result<std::shared_ptr<embedded_log>> embedded_log::open(const std::string& directory, const log_open_options& options) {
  auto& all = registry::instance();
  std::lock_guard lock(all.mutex);
  struct stat st;
  auto share = [&all](registry::key k) {
    auto& s = all.slots.at(k);
    ++s.owners;
    return std::shared_ptr<embedded_log>(s.log.get(), [k, &all](embedded_log*) {
      std::lock_guard inner(all.mutex);
      auto it = all.slots.find(k);
      if (--it->second.owners == 0)
        all.slots.erase(it);
    });
  };
  auto file = directory + "/data.mdb";
  if (::stat(file.c_str(), &st) == 0 && all.slots.contains({::getpid(), st.st_dev, st.st_ino}))
    return share({::getpid(), st.st_dev, st.st_ino});
  WEIR_ASSIGN(auto env, log_detail::environment::open(directory, options));
  std::unique_ptr<embedded_log> made(new embedded_log);
  made->path_ = directory;
  made->env_ = std::move(env);
  made->watcher_ = std::make_unique<log_detail::watcher>(*made->env_);
  WEIR_TRY(made->prepare());
  if (::stat(file.c_str(), &st) != 0)
    return {errc::unavailable, "embedded log: '" + file + "' has vanished"};
  registry::key k{::getpid(), st.st_dev, st.st_ino};
  all.slots.try_emplace(k).first->second.log = std::move(made);
  return share(k);
}

embedded_log::~embedded_log() = default;

result<> embedded_log::prepare() {
  auto load = [this](const transaction& t, bool& fresh) -> result<> {
    WEIR_ASSIGN(auto found, t.find(env_->dbs().meta, "format"));
    fresh = !found;
    if (fresh)
      return success();
    WEIR_ASSIGN(auto body, log_detail::unseal(*found, "the format entry of '" + path_ + "'"));
    byte_reader r(body);
    auto version = r.u32();
    id_ = r.string();
    if (!r.done())
      return {errc::store_corrupt, "embedded log: the format entry of '" + path_ + "' is damaged"};
    if (version != log_detail::format_version)
      return {errc::incompatible, "embedded log: '" + path_ + "' has format " + std::to_string(version) +
                                      "; this release reads format " + std::to_string(log_detail::format_version)};
    return success();
  };
  auto fresh = false;
  WEIR_TRY(env_->read([&](const transaction& t) { return load(t, fresh); }));
  if (!fresh)
    return success();
  return env_->write([&](transaction& t) -> result<> {
    WEIR_TRY(load(t, fresh));
    if (!fresh)
      return success();
    id_ = random_id();
    std::string v;
    byte_writer w(v);
    w.u32(log_detail::format_version);
    w.string(id_);
    return t.put(env_->dbs().meta, "format", log_detail::seal(std::move(v)));
  });
}

result<log_topic> embedded_log::create_topic(const std::string& name, const log_topic_options& options) {
  if (!valid_topic_name(name))
    return {errc::invalid_argument, "'" + name + "' is not a topic name: 1 to 249 of a-z A-Z 0-9 . _ -"};
  if (options.partitions < 1 || options.partitions > most_partitions)
    return {errc::invalid_argument, "topic '" + name + "': " + std::to_string(options.partitions) + " partitions; 1 to " +
                                        std::to_string(most_partitions) + " are possible"};
  if (options.max_record_bytes < 1 || options.max_record_bytes > most_record_bytes || options.retention_ms < 0)
    return {errc::invalid_argument, "topic '" + name + "': record limit or retention is out of bounds"};
  log_topic made{name, 0, options};
  auto done = env_->write([&](transaction& t) -> result<> {
    WEIR_ASSIGN(auto there, t.find(env_->dbs().topics, name));
    if (there)
      return {errc::already_exists, "topic '" + name + "' exists already"};
    made.id = 1;
    WEIR_ASSIGN(auto last, t.find(env_->dbs().meta, "last_topic"));
    if (last) {
      WEIR_ASSIGN(auto body, log_detail::unseal(*last, "the topic counter"));
      made.id = byte_reader(body).u32() + 1;
    }
    std::string counter;
    byte_writer(counter).u32(made.id);
    WEIR_TRY(t.put(env_->dbs().meta, "last_topic", log_detail::seal(std::move(counter))));
    WEIR_TRY(t.put(env_->dbs().topics, name, log_detail::encode_topic(made)));
    for (std::int32_t p = 0; p < options.partitions; ++p)
      WEIR_TRY(t.put(env_->dbs().partitions, log_detail::partition_key(made.id, p), log_detail::encode_partition({})));
    return success();
  });
  if (!done)
    return done.err();
  return made;
}

result<log_topic> embedded_log::topic_in(const transaction& t, std::string_view name) const {
  // LMDB refuses keys that are empty or too long, and no such topic can exist.
  if (!valid_topic_name(name))
    return no_topic(name);
  WEIR_ASSIGN(auto found, t.find(env_->dbs().topics, name));
  if (!found)
    return no_topic(name);
  return log_detail::decode_topic(name, *found);
}

result<log_topic> embedded_log::topic(const std::string& name) {
  log_topic out;
  auto done = env_->read([&](const transaction& t) -> result<> {
    WEIR_ASSIGN(out, topic_in(t, name));
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

result<std::vector<log_topic>> embedded_log::topics() {
  std::vector<log_topic> out;
  auto done = env_->read([&](const transaction& t) -> result<> {
    cursor c;
    WEIR_TRY(c.open(t, env_->dbs().topics));
    for (auto op = MDB_FIRST;; op = MDB_NEXT) {
      WEIR_ASSIGN(auto more, c.move(op));
      if (!more)
        return success();
      WEIR_ASSIGN(auto topic, log_detail::decode_topic(c.key(), c.value()));
      out.push_back(std::move(topic));
    }
  });
  if (!done)
    return done.err();
  return out;
}

result<log_partition> embedded_log::partition_in(const transaction& t, std::uint32_t topic, std::int32_t partition) const {
  WEIR_ASSIGN(auto found, t.find(env_->dbs().partitions, log_detail::partition_key(topic, partition)));
  if (!found)
    return {errc::not_found, "there is no partition " + std::to_string(partition)};
  return log_detail::decode_partition(*found);
}

result<log_partition> embedded_log::partition(const log_topic& topic, std::int32_t partition) {
  log_partition out;
  auto done = env_->read([&](const transaction& t) -> result<> {
    WEIR_ASSIGN(out, partition_in(t, topic.id, partition));
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

result<> embedded_log::commit(log_batch& batch, const log_commit_extras& extras, const std::function<result<>()>& before,
                              const std::function<result<>()>& after) {
  auto done = env_->write([&](transaction& t) -> result<> {
    auto now = now_ms();
    if (!extras.publisher_id.empty())
      WEIR_TRY(publish_in(t, extras));
    for (auto& part : batch.parts_)
      WEIR_TRY(append_in(t, part, now));
    for (const auto& [who, offsets] : extras.group_offsets) {
      WEIR_ASSIGN(auto topic, topic_in(t, who.second));
      for (const auto& [partition, next] : offsets)
        WEIR_TRY(t.put(env_->dbs().groups, log_detail::group_key(who.first, topic.id, partition),
                       log_detail::encode_group_offset(next, now)));
    }
    return before ? before() : success();
  });
  if (!done)
    return done.err();
  watcher_->notify();
  return after ? after() : success();
}

result<> embedded_log::publish_in(transaction& t, const log_commit_extras& extras) const {
  WEIR_ASSIGN(auto found, t.find(env_->dbs().publishers, extras.publisher_id));
  log_detail::publisher_state state;
  if (found) {
    WEIR_ASSIGN(state, log_detail::decode_publisher(*found));
  }
  auto refused = [&](const std::string& why) { return error{errc::fenced, "publisher '" + extras.publisher_id + "': " + why}; };
  if (state.epoch != extras.publisher_epoch)
    return refused("another process has taken over this id (epoch " + std::to_string(state.epoch) + ", ours is " +
                   std::to_string(extras.publisher_epoch) + ")");
  if (!extras.new_marker)
    return success();
  if (state.last && state.last->lineage != extras.new_marker->lineage) {
    if (!extras.alone || extras.replaces != state.last->lineage)
      return refused("its marker is of another lineage: the store is not the one that published");
  } else if (state.last && extras.new_marker->incarnation < state.last->incarnation) {
    return refused("a later incarnation has published");
  }
  state.last = extras.new_marker;
  return t.put(env_->dbs().publishers, extras.publisher_id, log_detail::encode_publisher(state));
}

result<> embedded_log::append_in(transaction& t, log_batch::part& part, std::int64_t now) const {
  WEIR_ASSIGN(auto state, partition_in(t, part.topic.id, part.partition));
  for (auto& c : part.chunks) {
    auto key = log_detail::chunk_key(part.topic.id, part.partition, state.next);
    log_detail::stamp_chunk(c.bytes, key, {c.count, now, c.base_time_ms, c.max_time_ms});
    WEIR_TRY(t.put(env_->dbs().chunks, key, c.bytes));
    if (c.key)
      WEIR_TRY(drop_superseded(t, part, *c.key, state.next, state));
    state.next += c.count;
    state.bytes += c.bytes.size();
  }
  WEIR_TRY(trim(t, part.topic, part.partition, now, state));
  return t.put(env_->dbs().partitions, log_detail::partition_key(part.topic.id, part.partition),
               log_detail::encode_partition(state));
}

result<> embedded_log::drop_superseded(transaction& t, const log_batch::part& part, std::string_view key, std::int64_t offset,
                                       log_partition& state) const {
  auto where = log_detail::latest_key(part.topic.id, part.partition, key);
  WEIR_ASSIGN(auto found, t.find(env_->dbs().latest, where));
  if (found) {
    WEIR_ASSIGN(auto body, log_detail::unseal(*found, "the index of a compacted topic"));
    auto old = log_detail::chunk_key(part.topic.id, part.partition, byte_reader(body).i64());
    WEIR_ASSIGN(auto chunk, t.find(env_->dbs().chunks, old));
    if (chunk) {
      state.bytes -= std::min<std::uint64_t>(state.bytes, chunk->size());
      WEIR_TRY(t.erase(env_->dbs().chunks, old));
    }
  }
  std::string v;
  byte_writer(v).i64(offset);
  return t.put(env_->dbs().latest, where, log_detail::seal(std::move(v)));
}

result<> embedded_log::trim(transaction& t, const log_topic& topic, std::int32_t partition, std::int64_t now,
                            log_partition& state) const {
  const auto& keep = topic.options;
  if (topic.options.compacted || (keep.retention_bytes == 0 && keep.retention_ms == 0))
    return success();
  cursor c;
  WEIR_TRY(c.open(t, env_->dbs().chunks));
  for (;;) {
    std::uint32_t id = 0;
    std::int32_t p = 0;
    std::int64_t base = 0;
    WEIR_ASSIGN(auto found, c.seek(log_detail::chunk_key(topic.id, partition, state.first)));
    if (!found || !log_detail::parse_chunk_key(c.key(), id, p, base) || id != topic.id || p != partition)
      return success();
    WEIR_ASSIGN(auto info, log_detail::read_chunk_info(c.value()));
    auto size = c.value().size();
    auto end = base + info.count;
    // By bytes the newest chunk always stays: one larger than the limit would leave nothing at all.
    auto too_many = keep.retention_bytes > 0 && state.bytes > keep.retention_bytes && end < state.next;
    auto too_old = keep.retention_ms > 0 && info.append_ms < now - keep.retention_ms;
    if (!too_many && !too_old)
      return success();
    WEIR_TRY(c.erase(t));
    state.bytes -= std::min<std::uint64_t>(state.bytes, size);
    state.first = end;
  }
}

result<> embedded_log::apply_retention(const log_topic& topic) {
  return env_->write([&](transaction& t) -> result<> {
    auto now = now_ms();
    for (std::int32_t p = 0; p < topic.options.partitions; ++p) {
      WEIR_ASSIGN(auto state, partition_in(t, topic.id, p));
      auto first = state.first;
      WEIR_TRY(trim(t, topic, p, now, state));
      if (state.first != first)
        WEIR_TRY(t.put(env_->dbs().partitions, log_detail::partition_key(topic.id, p), log_detail::encode_partition(state)));
    }
    return success();
  });
}

result<log_slice> embedded_log::read(std::uint32_t topic, std::int32_t partition, std::int64_t offset, std::size_t max_bytes) {
  log_slice out;
  auto done = env_->read([&](const transaction& t) -> result<> {
    WEIR_ASSIGN(out.state, partition_in(t, topic, partition));
    if (offset < out.state.first || offset > out.state.next)
      return {errc::out_of_range, "offset " + std::to_string(offset) + " of partition " + std::to_string(partition) +
                                      " is not there: it holds " + std::to_string(out.state.first) + " to " +
                                      std::to_string(out.state.next - 1)};
    if (offset == out.state.next || max_bytes == 0)
      return success();
    cursor c;
    WEIR_TRY(c.open(t, env_->dbs().chunks));
    std::uint32_t id = 0;
    std::int32_t p = 0;
    std::int64_t base = 0;
    auto here = [&] { return log_detail::parse_chunk_key(c.key(), id, p, base) && id == topic && p == partition; };
    WEIR_ASSIGN(auto found, c.seek(log_detail::chunk_key(topic, partition, offset)));
    if (!found || !here() || base != offset) {
      // The chunk that begins before the offset may reach over it.
      WEIR_ASSIGN(auto before, c.move(found ? MDB_PREV : MDB_LAST));
      auto reaches = false;
      if (before && here()) {
        WEIR_ASSIGN(auto info, log_detail::read_chunk_info(c.value()));
        reaches = base + info.count > offset;
      }
      if (!reaches) {
        WEIR_ASSIGN(found, c.seek(log_detail::chunk_key(topic, partition, offset)));
      } else {
        found = true;
      }
    }
    while (found && here() && (out.pieces.empty() || out.bytes.size() + c.value().size() <= max_bytes)) {
      out.pieces.push_back({base, out.bytes.size(), c.value().size()});
      out.bytes.append(c.value());
      WEIR_ASSIGN(found, c.move(MDB_NEXT));
    }
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

result<std::int64_t> embedded_log::offset_at(const log_topic& topic, std::int32_t partition, std::int64_t time_ms) {
  std::int64_t from = 0;
  for (;;) {
    std::optional<std::int64_t> answer;
    std::int64_t base = 0;
    std::string chunk;
    auto done = env_->read([&](const transaction& t) -> result<> {
      WEIR_ASSIGN(auto state, partition_in(t, topic.id, partition));
      cursor c;
      WEIR_TRY(c.open(t, env_->dbs().chunks));
      WEIR_ASSIGN(auto found, c.seek(log_detail::chunk_key(topic.id, partition, std::max(from, state.first))));
      for (int n = 0; n < chunks_per_search; ++n) {
        std::uint32_t id = 0;
        std::int32_t p = 0;
        if (!found || !log_detail::parse_chunk_key(c.key(), id, p, base) || id != topic.id || p != partition) {
          answer = state.next;
          return success();
        }
        WEIR_ASSIGN(auto info, log_detail::read_chunk_info(c.value()));
        from = base + info.count;
        if (info.max_time_ms >= time_ms) {
          chunk = c.value();
          return success();
        }
        WEIR_ASSIGN(found, c.move(MDB_NEXT));
      }
      return success();
    });
    if (!done)
      return done.err();
    if (answer)
      return *answer;
    if (chunk.empty())
      continue;
    WEIR_ASSIGN(auto info, log_detail::check_chunk(log_detail::chunk_key(topic.id, partition, base), chunk));
    log_detail::chunk_cursor records(chunk, info, partition, base);
    for (record_view r; records.next(r);)
      if (r.time.ms() >= time_ms)
        return r.offset;
  }
}

result<std::optional<std::int64_t>> embedded_log::group_offset(const std::string& group, const log_topic& topic,
                                                               std::int32_t partition) {
  std::optional<std::int64_t> out;
  if (group.size() > most_id_bytes)
    return {errc::invalid_argument, "group '" + group + "': the name is too long"};
  auto done = env_->read([&](const transaction& t) -> result<> {
    WEIR_ASSIGN(auto found, t.find(env_->dbs().groups, log_detail::group_key(group, topic.id, partition)));
    if (found) {
      WEIR_ASSIGN(out, log_detail::decode_group_offset(*found));
    }
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

result<std::vector<log_group_offset>> embedded_log::group_offsets() {
  WEIR_ASSIGN(auto all, topics());
  std::map<std::uint32_t, std::string> names;
  for (const auto& t : all)
    names[t.id] = t.name;
  std::vector<log_group_offset> out;
  auto done = env_->read([&](const transaction& t) -> result<> {
    cursor c;
    WEIR_TRY(c.open(t, env_->dbs().groups));
    for (auto op = MDB_FIRST;; op = MDB_NEXT) {
      WEIR_ASSIGN(auto more, c.move(op));
      if (!more)
        return success();
      std::string_view group;
      std::uint32_t id = 0;
      std::int32_t p = 0;
      if (!log_detail::parse_group_key(c.key(), group, id, p))
        return {errc::store_corrupt, "embedded log: the offset of a consumer group is damaged"};
      WEIR_ASSIGN(auto next, log_detail::decode_group_offset(c.value()));
      if (auto it = names.find(id); it != names.end())
        out.push_back({std::string(group), it->second, p, next});
    }
  });
  if (!done)
    return done.err();
  return out;
}

result<std::uint64_t> embedded_log::fence(const std::string& publisher_id) {
  if (publisher_id.empty() || publisher_id.size() > most_id_bytes)
    return {errc::invalid_argument, "publisher id '" + publisher_id + "': 1 to " + std::to_string(most_id_bytes) + " bytes"};
  log_detail::publisher_state state;
  auto done = env_->write([&](transaction& t) -> result<> {
    state = {};
    WEIR_ASSIGN(auto found, t.find(env_->dbs().publishers, publisher_id));
    if (found) {
      WEIR_ASSIGN(state, log_detail::decode_publisher(*found));
    }
    ++state.epoch;
    return t.put(env_->dbs().publishers, publisher_id, log_detail::encode_publisher(state));
  });
  if (!done)
    return done.err();
  return state.epoch;
}

result<std::optional<marker>> embedded_log::read_marker(const std::string& publisher_id, std::uint64_t epoch) {
  log_detail::publisher_state state;
  auto done = env_->read([&](const transaction& t) -> result<> {
    WEIR_ASSIGN(auto found, t.find(env_->dbs().publishers, publisher_id));
    if (found) {
      WEIR_ASSIGN(state, log_detail::decode_publisher(*found));
    }
    return success();
  });
  if (!done)
    return done.err();
  if (state.epoch != epoch)
    return {errc::fenced, "publisher '" + publisher_id + "': another process has taken over this id"};
  return state.last;
}

} // namespace weir
