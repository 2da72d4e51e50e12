#pragma once
#include <weir/record/batch.hpp>

namespace weir {

/// A record whose bytes are all in its batch: of row i they are raw_key(i), raw_value(i) and raw_headers(i), and its time is
/// the row's. The row's value is empty, so a batch of them costs no allocation per record.
struct packed_record {};
BOOST_DESCRIBE_STRUCT(packed_record, (), ())

} // namespace weir
