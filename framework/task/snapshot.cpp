#include <weir/record/bytes.hpp>
#include <weir/task/snapshot.hpp>

namespace weir {
namespace {

constexpr std::uint8_t format_version = 1;

byte_writer begin(std::string& out) {
  byte_writer w(out);
  w.u8(format_version);
  return w;
}

/// Checks version and completeness around `body`, which fills the value.
template <class T, class Body>
result<T> read(std::string_view bytes, const char* what, Body body) {
  byte_reader in(bytes);
  auto version = in.u8();
  if (in.ok() && version != format_version)
    return error{errc::incompatible, std::string("the ") + what + " in the checkpoint has format " + std::to_string(version) +
                                         "; this release reads " + std::to_string(format_version)};
  T value;
  body(in, value);
  if (!in.done())
    return error{errc::store_corrupt, std::string("the ") + what + " in the checkpoint is damaged"};
  return value;
}

} // namespace

std::string encode(const reader_snapshot& s) {
  std::string out;
  auto w = begin(out);
  w.i64(s.next_offset);
  w.u8(s.last ? 1 : 0);
  if (s.last) {
    w.i64(s.last->offset);
    w.i64(s.last->time_us);
    w.u64(s.last->hash);
  }
  w.i64(s.watermark.us);
  w.u8(s.idle ? 1 : 0);
  w.string(s.chain);
  return out;
}

result<reader_snapshot> decode_reader_snapshot(std::string_view bytes) {
  return read<reader_snapshot>(bytes, "position of a partition", [](byte_reader& in, reader_snapshot& s) {
    s.next_offset = in.i64();
    if (in.u8() != 0) {
      record_fingerprint f;
      f.offset = in.i64();
      f.time_us = in.i64();
      f.hash = in.u64();
      s.last = f;
    }
    s.watermark = {in.i64()};
    s.idle = in.u8() != 0;
    s.chain = in.string();
  });
}

std::string encode(const task_snapshot& s) {
  std::string out;
  auto w = begin(out);
  w.i64(s.watermark.us);
  w.string(s.chain);
  return out;
}

result<task_snapshot> decode_task_snapshot(std::string_view bytes) {
  return read<task_snapshot>(bytes, "state of a task", [](byte_reader& in, task_snapshot& s) {
    s.watermark = {in.i64()};
    s.chain = in.string();
  });
}

std::string encode(const job_snapshot& s) {
  std::string out;
  auto w = begin(out);
  w.varint(s.partitions.size());
  for (auto& [vertex, count] : s.partitions) {
    w.string(vertex);
    w.varint(static_cast<std::uint64_t>(count));
  }
  w.varint(s.clusters.size());
  for (auto& [name, id] : s.clusters) {
    w.string(name);
    w.string(id);
  }
  return out;
}

result<job_snapshot> decode_job_snapshot(std::string_view bytes) {
  return read<job_snapshot>(bytes, "state of the job", [](byte_reader& in, job_snapshot& s) {
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      std::string vertex(in.string());
      s.partitions[vertex] = static_cast<std::int32_t>(in.varint());
    }
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      std::string name(in.string());
      s.clusters[name] = in.string();
    }
  });
}

std::string encode(const stop_offsets& s) {
  std::string out;
  auto w = begin(out);
  w.varint(s.size());
  for (auto& [vertex, by_partition] : s) {
    w.string(vertex);
    w.varint(by_partition.size());
    for (auto [partition, offset] : by_partition) {
      w.varint(static_cast<std::uint64_t>(partition));
      w.i64(offset);
    }
  }
  return out;
}

result<stop_offsets> decode_stop_offsets(std::string_view bytes) {
  return read<stop_offsets>(bytes, "end of the bounded run", [](byte_reader& in, stop_offsets& s) {
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      auto& by_partition = s[std::string(in.string())];
      for (auto m = in.varint(); m > 0 && in.ok(); --m) {
        auto partition = static_cast<std::int32_t>(in.varint());
        by_partition[partition] = in.i64();
      }
    }
  });
}

std::string encode_list(const std::vector<std::string>& items) {
  std::string out;
  auto w = begin(out);
  w.varint(items.size());
  for (auto& i : items)
    w.string(i);
  return out;
}

result<std::vector<std::string>> decode_list(std::string_view bytes) {
  return read<std::vector<std::string>>(bytes, "list", [](byte_reader& in, std::vector<std::string>& items) {
    for (auto n = in.varint(); n > 0 && in.ok(); --n)
      items.emplace_back(in.string());
  });
}

} // namespace weir
