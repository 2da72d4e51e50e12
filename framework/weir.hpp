#pragma once
// Everything to write a job with. Light: no CAF, LMDB, librdkafka or simdjson behind it.
#include <weir/core/logger.hpp>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>
#include <weir/graph/job.hpp>
#include <weir/record/blob.hpp>
#include <weir/record/decimal.hpp>
#include <weir/record/raw_record.hpp>
#include <weir/record/time_text.hpp>
