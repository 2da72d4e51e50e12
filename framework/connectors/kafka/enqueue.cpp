#include <weir/connectors/kafka/enqueue.hpp>
#include <weir/connectors/kafka/message.hpp>

namespace weir::kafka {

call_outcome local_failure(rd_kafka_resp_err_t err, std::string text) {
  call_outcome o;
  o.err = err;
  o.abortable = true;
  o.text = std::move(text);
  return o;
}

call_outcome enqueue(rd_kafka_t* producer, rd_kafka_topic_t* topic, const output_record& r, void* opaque) {
  auto headers = to_headers(r.packed_headers);
  if (!headers)
    return local_failure(RD_KAFKA_RESP_ERR_INVALID_RECORD, headers.err().message);
  auto mem = [](const std::optional<std::string_view>& v) {
    return v ? decltype(rd_kafka_vu_t{}.u.mem){const_cast<void*>(bytes_of(*v)), v->size()}
             : decltype(rd_kafka_vu_t{}.u.mem){nullptr, 0};
  };
  rd_kafka_vu_t vu[8];
  std::size_t n = 0;
  vu[n].vtype = RD_KAFKA_VTYPE_RKT;
  vu[n++].u.rkt = topic;
  vu[n].vtype = RD_KAFKA_VTYPE_PARTITION;
  vu[n++].u.i32 = r.partition;
  vu[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  vu[n++].u.i = RD_KAFKA_MSG_F_COPY;
  vu[n].vtype = RD_KAFKA_VTYPE_KEY;
  vu[n++].u.mem = mem(r.key);
  vu[n].vtype = RD_KAFKA_VTYPE_VALUE;
  vu[n++].u.mem = mem(r.value);
  vu[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  vu[n++].u.i64 = stamp_of(r.time_ms);
  vu[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
  vu[n++].u.ptr = opaque;
  if (*headers) {
    vu[n].vtype = RD_KAFKA_VTYPE_HEADERS;
    vu[n++].u.headers = headers->get();
  }
  auto o = outcome_of(rd_kafka_produceva(producer, vu, n));
  if (o.ok())
    (void)headers->release(); // The message owns them.
  return o;
}

} // namespace weir::kafka
