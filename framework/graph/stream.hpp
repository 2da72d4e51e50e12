#pragma once
#include <boost/describe.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <weir/graph/job_graph.hpp>
#include <weir/operators/process_operator.hpp>
#include <weir/operators/sink_operator.hpp>
#include <weir/operators/stateless.hpp>
#include <weir/record/batch_codec.hpp>
#include <weir/windows/window_operator.hpp>

namespace weir {

template <class T>
class stream;
template <class K, class T, class Key>
class keyed_stream;
template <class K, class T, class Key>
class windowed_stream;

namespace detail {

template <class T>
node_output output_of(std::string name) {
  return {std::move(name),
          [](std::size_t port) -> std::unique_ptr<chain_operator> { return std::make_unique<port_operator<T>>(port); },
          &codec_for<T>()};
}

/// The row type of a non-generic function with a collector: void f(const In&, collector<Out>&).
template <class F>
struct collected : collected<decltype(&F::operator())> {};
template <class C, class R, class In, class Out>
struct collected<R (C::*)(In, collector<Out>&) const> {
  using type = Out;
};
template <class C, class R, class In, class Out>
struct collected<R (C::*)(In, collector<Out>&)> {
  using type = Out;
};
template <class R, class In, class Out>
struct collected<R (*)(In, collector<Out>&)> {
  using type = Out;
};
struct deduced {};

/// A handle on the node(s) a stream comes from.
class stream_base {
 public:
  stream_base(std::shared_ptr<operator_graph> graph, std::vector<node_ref> from)
      : graph_(std::move(graph)), from_(std::move(from)) {}

 protected:
  /// The node just declared, for its options; a problem when this is a union.
  graph_node* last(const char* option);
  void set_parallelism(int n);
  void set_disable_chaining();
  void set_on_error(on_error policy);

  std::shared_ptr<operator_graph> graph_;
  std::vector<node_ref> from_;
};

/// Options of the operator declared last, shared by all kinds of streams.
template <class Self>
class stream_options : public stream_base {
 public:
  using stream_base::stream_base;
  /// Number of parallel tasks of the operator just declared.
  Self& parallelism(int n) {
    set_parallelism(n);
    return static_cast<Self&>(*this);
  }
  /// Runs the operator just declared in a task of its own.
  Self& disable_chaining() {
    set_disable_chaining();
    return static_cast<Self&>(*this);
  }
  /// What happens to a record for which the operator just declared throws.
  Self& on_error(weir::on_error policy) {
    set_on_error(std::move(policy));
    return static_cast<Self&>(*this);
  }
};

} // namespace detail

/// Rows of type T on their way through the job. A handle: copying it copies no rows; used twice, both uses see every row.
template <class T>
class stream : public detail::stream_options<stream<T>> {
 public:
  static_assert(!std::is_same_v<T, bool>, "rows of bool have no addressable elements: put it into a struct");
  using row_type = T;
  using detail::stream_options<stream<T>>::stream_options;

  /// Event time from a member or function (timestamp(const T&)), and the watermark: rows come out of order by at most
  /// the bound within their partition. Only in front of key_by, union_with and operators with a parallelism of their own.
  template <class F>
  stream event_time(F f, bounded_out_of_orderness order, std::optional<idle_after> idle = {},
                    std::optional<align> alignment = {}) const {
    static_assert(std::is_convertible_v<std::invoke_result_t<F&, const T&>, timestamp>, "event_time needs a weir::timestamp");
    return assign_time(std::move(f), order, idle, std::move(alignment));
  }
  /// Event time is the topic's own time stamp.
  stream event_time(bounded_out_of_orderness order, std::optional<idle_after> idle = {},
                    std::optional<align> alignment = {}) const {
    return assign_time(nullptr, order, idle, std::move(alignment));
  }

  /// One row for each row: Out(const T&).
  template <class F>
  auto map(std::string name, F f) const {
    using out = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
    return add<out>(std::move(name), "map", [f](const graph_node& n, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<map_operator<T, out, F>>(n.name, n.errors.policy(), f);
    });
  }
  template <class F>
  auto map(F f) const {
    return map(std::string{}, std::move(f));
  }

  /// The rows for which f is true: bool(const T&).
  template <class F>
  stream filter(std::string name, F f) const {
    return add<T>(std::move(name), "filter", [f](const graph_node& n, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<filter_operator<T, F>>(n.name, n.errors.policy(), f);
    });
  }
  template <class F>
  stream filter(F f) const {
    return filter(std::string{}, std::move(f));
  }

  /// Any number of rows for each row: void(const T&, weir::collector<Out>&). With a generic lambda say flat_map<Out>.
  template <class Out = detail::deduced, class F>
  auto flat_map(std::string name, F f) const {
    using out =
        typename std::conditional_t<std::is_same_v<Out, detail::deduced>, detail::collected<F>, std::type_identity<Out>>::type;
    return add<out>(std::move(name), "flat_map", [f](const graph_node& n, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<flat_map_operator<T, out, F>>(n.name, n.errors.policy(), f);
    });
  }
  template <class Out = detail::deduced, class F>
  auto flat_map(F f) const {
    return flat_map<Out>(std::string{}, std::move(f));
  }

  /// The same rows, by key: a member or function K(const T&). Rows of one key are processed by one task, in order.
  template <class F>
  auto key_by(F f) const {
    using k = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
    std::vector<node_ref> keyed;
    for (auto from : this->from_) {
      graph_node n;
      n.label = "key_by";
      n.kind = node_kind::key_by;
      n.inputs = {from};
      n.outputs.push_back(detail::output_of<T>());
      n.make = [f](const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
        return std::make_unique<key_by_operator<T, F>>(self.name, self.errors.policy(), f, self.feeds_state);
      };
      keyed.push_back({this->graph_->add(std::move(n), "key-by"), 0});
    }
    return keyed_stream<k, T, F>(this->graph_, std::move(keyed), std::move(f));
  }

  /// The rows of both; the order between them is not defined.
  stream union_with(const stream& other) const {
    auto all = this->from_;
    all.insert(all.end(), other.from_.begin(), other.from_.end());
    if (other.graph_ != this->graph_)
      this->graph_->problem("job '" + this->graph_->name() + "': union_with a stream of another job");
    return stream(this->graph_, std::move(all));
  }

  /// Writes every row to a topic, without a key (raw_record: with its own).
  void sink(std::string name, topic<T> to, sink_options<T> options = {}) const {
    add_sink(std::move(name), std::move(to), std::move(options), {});
  }
  /// Writes every row to a topic, by key: rows of one key go to one partition, in order.
  template <class F>
  void sink(std::string name, topic<T> to, weir::key<F> k, sink_options<T> options = {}) const {
    add_sink(std::move(name), std::move(to), std::move(options),
             [k = std::move(k)](const T& row, std::string& out) -> result<bool> {
               WEIR_TRY(encode_topic_key(std::invoke(k.field, row), k.format, out));
               return true;
             });
  }

  /// A side output of the process function just declared.
  template <class S>
  stream<S> side(const output_tag<S>& tag) const;

 private:
  template <class F>
  stream assign_time(F f, bounded_out_of_orderness order, std::optional<idle_after> idle, std::optional<align> alignment) const {
    auto out = add<T>({}, "event-time", [f, order, idle](const graph_node& n, bool) -> std::unique_ptr<chain_operator> {
      auto after = idle ? std::optional<duration>(idle->time) : std::nullopt;
      return std::make_unique<event_time_operator<T, F>>(n.name, n.errors.policy(), f, order.bound, after);
    });
    auto& node = this->graph_->node(out.from_[0].node);
    node.kind = node_kind::event_time;
    node.incomplete = detail::time_problem(order, idle, alignment);
    node.alignment = std::move(alignment);
    return out;
  }

  template <class Out, class Make>
  stream<Out> add(std::string name, const char* label, Make make) const {
    graph_node n;
    n.name = std::move(name);
    n.label = label;
    n.inputs = this->from_;
    n.outputs.push_back(detail::output_of<Out>());
    n.make = std::move(make);
    return stream<Out>(this->graph_, {{this->graph_->add(std::move(n), label), 0}});
  }

  void add_sink(std::string name, topic<T> to, sink_options<T> options,
                std::function<result<bool>(const T&, std::string&)> key) const {
    graph_node n;
    n.name = std::move(name);
    n.label = "sink";
    n.kind = node_kind::sink;
    n.inputs = this->from_;
    n.sink = {std::move(to.at), options.guarantee, options.partitions};
    n.errors = std::move(options.errors);
    n.needs_raw = n.errors.action == error_action::dead_letter;
    n.make = [key = std::move(key), time = std::move(options.time), headers = std::move(options.headers)](
                 const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<sink_operator<T>>(self.name, sink_operator_options<T>{self.errors.policy(), key, time, headers});
    };
    this->graph_->add(std::move(n));
  }

  template <class>
  friend class stream;
};

/// A stream divided by key. K: key, T: rows, Key: the member or function given to key_by.
template <class K, class T, class Key>
class keyed_stream : private detail::stream_base {
 public:
  keyed_stream(std::shared_ptr<operator_graph> graph, std::vector<node_ref> from, Key key)
      : stream_base(std::move(graph), std::move(from)), key_(std::move(key)) {}

  /// Windows in event time; the name is the identity of their state.
  windowed_stream<K, T, Key> window(std::string name, window_shape shape) const {
    graph_node n;
    n.name = std::move(name);
    n.label = shape.text();
    n.kind = node_kind::keyed;
    n.inputs = from_;
    n.needs_time = true;
    n.incomplete = "its windows have no aggregate or reduce";
    return windowed_stream<K, T, Key>(graph_, graph_->add(std::move(n)), key_, shape);
  }

  /// A process function (see weir::process_function): F has `process(const T&, process_context<K, Out>&)` and optionally
  /// on_timer. The name is the identity of its state. Out is F::output_type unless given.
  template <class Out = detail::deduced, class F>
  auto process(std::string name, F f) const {
    using out =
        typename std::conditional_t<std::is_same_v<Out, detail::deduced>, output_type_of<F>, std::type_identity<Out>>::type;
    graph_node n;
    n.name = std::move(name);
    n.label = "process";
    n.kind = node_kind::keyed;
    n.inputs = from_;
    n.outputs.push_back(detail::output_of<out>());
    n.fingerprint = "process key=" + schema_fingerprint<K>();
    if constexpr (detail::has_states<F>)
      for (const auto& s : f.declared_states())
        n.fingerprint += " " + s.name + "=" + s.schema;
    auto sides = std::make_shared<std::vector<side_output_plan>>();
    n.sides = sides;
    n.make = [key = key_, f = std::move(f), sides](const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<process_operator<K, T, out, Key, F>>(self.name, self.errors.policy(), key, f, *sides);
    };
    return stream<out>(graph_, {{graph_->add(std::move(n)), 0}});
  }

  /// Sends the rows through a topic and reads them back; see weir/graph/through.hpp.
  stream<T> through(std::string name, topic<T> by, through_options options = {}) const;

 private:
  template <class F>
  struct output_type_of {
    using type = typename F::output_type;
  };
  Key key_;
};

/// Windows over a keyed stream, waiting for what is to be made of them.
template <class K, class T, class Key>
class windowed_stream : private detail::stream_base {
 public:
  windowed_stream(std::shared_ptr<operator_graph> graph, std::size_t node, Key key, window_shape shape)
      : stream_base(std::move(graph), {{node, 0}}), key_(std::move(key)), shape_(shape) {}

  /// Windows are kept this long behind their end; a record that comes in time makes them emit a new result. Default: none.
  windowed_stream& allowed_lateness(duration d) {
    lateness_ = d;
    return *this;
  }
  /// The records that come when all their windows are gone: original key, value and headers, and `weir.*` headers for
  /// origin and reason. Without it they are counted and dropped.
  stream<raw_record> late() {
    auto& n = graph_->node(from_[0].node);
    n.needs_raw = true;
    late_ = true;
    return stream<raw_record>(graph_, {{from_[0].node, late_output}});
  }
  /// The same, written to a topic by a sink of that name.
  windowed_stream& late(std::string sink_name, topic<raw_record> to, sink_options<raw_record> options = {}) {
    late().sink(std::move(sink_name), std::move(to), std::move(options));
    return *this;
  }

  /// One row per key and window with the values of the aggregates, in the order given: sum, count, min, max, avg.
  template <class... A>
  auto aggregate(A... aggregates) {
    static_assert(sizeof...(A) > 0, "aggregate() needs at least one of sum, count, min, max, avg");
    using all = detail::aggregate_all<T, A...>;
    using row = typename all::template result_row<K>;
    auto& n = graph_->node(from_[0].node);
    auto shape = shape_.check();
    n.incomplete = !shape                                    ? shape.err().message
                   : window_shape::valid_lateness(lateness_) ? ""
                                                             : "allowed_lateness must be between zero and 10,000 years";
    n.outputs = {detail::output_of<row>(), detail::output_of<raw_record>("late")};
    auto schema = "key=" + schema_fingerprint<K>() + " state=" + all::schema();
    n.fingerprint = "window " + shape_.text() + " " + schema;
    n.make = [key = key_, a = all(std::move(aggregates)...), shape = shape_, lateness = lateness_, schema](
                 const graph_node& self, bool) -> std::unique_ptr<chain_operator> {
      return std::make_unique<window_operator<K, T, row, Key, all>>(
          self.name, window_operator_options{shape, lateness, self.errors.policy(), schema}, key, a);
    };
    return stream<row>(graph_, from_);
  }
  /// One row per key and window, its value 0 made by an associative T(const T& earlier, const T& later).
  template <class F>
  auto reduce(F f) {
    return aggregate(detail::reducer<F>{std::move(f)});
  }

 private:
  Key key_;
  window_shape shape_;
  duration lateness_{0};
  bool late_ = false;
};

template <class T>
template <class S>
stream<S> stream<T>::side(const output_tag<S>& tag) const {
  auto& n = this->graph_->node(this->from_[0].node);
  if (this->from_.size() != 1 || !n.sides) {
    this->graph_->problem("operator '" + n.name + "': side output '" + tag.name + "' of an operator that is no process function");
    return stream<S>(this->graph_, {this->from_[0]});
  }
  for (std::size_t i = 1; i < n.outputs.size(); ++i)
    if (n.outputs[i].name == tag.name) {
      if (n.outputs[i].codec != &codec_for<S>())
        this->graph_->problem("operator '" + n.name + "': side output '" + tag.name + "' is read with two types");
      return stream<S>(this->graph_, {{this->from_[0].node, i}});
    }
  const auto number = n.outputs.size();
  n.outputs.push_back(detail::output_of<S>(tag.name));
  n.sides->push_back({number, tag.name, [] { return std::make_unique<detail::side_output<S>>(); }});
  return stream<S>(this->graph_, {{this->from_[0].node, number}});
}

} // namespace weir
