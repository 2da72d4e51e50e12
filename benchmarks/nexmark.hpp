#pragma once
// The Nexmark events that the benchmarks decode: as much of each as a job would declare.
#include <weir/record/describe.hpp>

namespace nexmark {

/// What a filter on bids needs: three fields.
struct bid_head {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
};
BOOST_DESCRIBE_STRUCT(bid_head, (), (auction, bidder, price))

/// Everything a bid has.
struct bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::string channel;
  std::string url;
  weir::timestamp dateTime;
  std::string extra;
};
BOOST_DESCRIBE_STRUCT(bid, (), (auction, bidder, price, channel, url, dateTime, extra))

/// One event of any kind; only bids are of interest.
template <class Bid>
struct event {
  std::int32_t event_type = 0;
  std::optional<Bid> bid;
};
BOOST_DESCRIBE_STRUCT(event<bid_head>, (), (event_type, bid))
BOOST_DESCRIBE_STRUCT(event<bid>, (), (event_type, bid))

/// The order of the running example.
struct order {
  std::int64_t order_id = 0;
  std::string customer;
  std::int64_t amount_cents = 0;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(order, (), (order_id, customer, amount_cents, at))

inline constexpr std::string_view order_text =
    R"({"order_id":17,"customer":"c-0042","amount_cents":1250,"at":"2026-01-01T00:00:03.250Z"})";

} // namespace nexmark
