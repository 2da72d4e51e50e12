#include "actors/nodes/caf_wire.hpp"
#include <sys/random.h>
#include <unistd.h>
#include <caf/binary_deserializer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>

namespace weir {
namespace {

namespace net = caf::io::network;
using caf::io::basp::message_type;

/// CAF's middleman, but for the node id. Modules are initialised before any of them starts, and the broker of BASP takes its
/// copy of the id when the middleman starts.
class node_middleman final : public caf::io::middleman {
 public:
  explicit node_middleman(caf::actor_system& system) : middleman(system), backend_(&system) {}
  net::multiplexer& backend() override { return backend_; }

  void init(caf::actor_system_config& config) override {
    middleman::init(config);
    caf::node_id::default_data::host_id_type random{};
    while (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    }
    // The member is not const; the class has no other way in for those who are not its friends.
    const_cast<caf::node_id&>(system().node()) = caf::make_node_id(static_cast<std::uint32_t>(::getpid()), random);
  }

 private:
  net::default_multiplexer backend_;
};

/// What the scribe and the policy of its stream share.
struct wire {
  secure_socket socket;
  std::shared_ptr<node_connection> who;
  bool broken = false; ///< Nothing is read or written any more.
};

/// How CAF's stream reads and writes.
struct wire_policy {
  explicit wire_policy(std::shared_ptr<wire> w) : wire_(std::move(w)) {}

  net::rw_state read_some(std::size_t& result, net::native_socket, void* to, std::size_t size) {
    result = 0;
    if (wire_->broken)
      return net::rw_state::failure;
    return judge(wire_->socket.read(static_cast<char*>(to), size), result);
  }

  net::rw_state write_some(std::size_t& result, net::native_socket, const void* from, std::size_t size) {
    result = 0;
    if (wire_->broken)
      return net::rw_state::failure;
    if (size == 0)
      return net::rw_state::indeterminate;
    // A slice of it, so that one busy connection does not hold the others; TLS makes records of 16 KiB out of it.
    return judge(wire_->socket.write(static_cast<const char*>(from), std::min(size, slice)), result);
  }

  bool must_read_more(net::native_socket, std::size_t threshold) {
    return !wire_->broken && wire_->socket.buffered() >= std::max<std::size_t>(threshold, 1);
  }

 private:
  static constexpr std::size_t slice = std::size_t{256} << 10;

  net::rw_state judge(const secure_socket::outcome& o, std::size_t& result) {
    switch (o.what) {
      case secure_socket::status::done:
        result = o.bytes;
        return net::rw_state::success;
      case secure_socket::status::wait_read:
      case secure_socket::status::wait_write:
        return net::rw_state::success; // Of nothing: the stream waits for the next event.
      case secure_socket::status::closed:
        wire_->broken = true;
        return net::rw_state::failure;
      case secure_socket::status::failed:
        break;
    }
    wire_->who->close(wire_->socket.failure());
    wire_->broken = true;
    return net::rw_state::failure;
  }

  std::shared_ptr<wire> wire_;
};

/// Looks at what comes in under BASP before CAF does.
class basp_watch {
 public:
  basp_watch(std::string peer, std::string own) : peer_(std::move(peer)), own_(std::move(own)) {}

  /// Why the bytes (a header, or the payload behind it) are refused; empty when they are not.
  std::string judge(caf::execution_unit* unit, std::vector<char>& bytes) {
    if (!payload_) {
      if (bytes.size() != caf::io::basp::header_size)
        return {}; // CAF refuses it.
      operation_ = static_cast<message_type>(bytes[0]);
      payload_ = bytes[4] != 0 || bytes[5] != 0 || bytes[6] != 0 || bytes[7] != 0;
      return operation_ == message_type::routed_message ? "a message routed for a third node" : "";
    }
    payload_ = false;
    switch (operation_) {
      case message_type::server_handshake:
      case message_type::client_handshake:
        return nodes(unit, bytes, false);
      case message_type::monitor_message:
      case message_type::down_message:
        return nodes(unit, bytes, true);
      default:
        return {};
    }
  }

 private:
  /// Node ids at the beginning of the payload: whom it is from, and for `both` whom it is for.
  std::string nodes(caf::execution_unit* unit, std::vector<char>& bytes, bool both) const {
    caf::binary_deserializer in{unit, bytes};
    caf::node_id from, to;
    if (auto e = both ? in(from, to) : in(from))
      return "a malformed message";
    if (to_string(from) != peer_)
      return "a message in the name of another CAF node (" + to_string(from) + ")";
    if (both && to_string(to) != own_)
      return "a message for another CAF node";
    return {};
  }

  std::string peer_, own_;
  message_type operation_ = message_type::heartbeat;
  bool payload_ = false; ///< What comes next is the payload of `operation_`.
};

class wire_scribe final : public caf::io::scribe {
 public:
  wire_scribe(net::default_multiplexer& backend, std::shared_ptr<wire> w, int fd, wire_limits limits, const std::string& own)
      : scribe(net::conn_hdl_from_socket(fd)), wire_(std::move(w)), limits_(limits), stream_(backend, fd, wire_) {
    if (wire_->who->purpose() == link_purpose::actors)
      watch_ = std::make_unique<basp_watch>(wire_->who->process(), own);
    wire_->who->drives(fd);
  }
  ~wire_scribe() override {
    wire_->who->drives(-1);
    // CAF drops a connection whose bytes it cannot read without a word.
    wire_->who->gone();
  }

  void configure_read(caf::io::receive_policy::config config) override {
    if (config.second > limits_.most_read)
      return refuse("it announced " + std::to_string(config.second) + " bytes, more than the " +
                    std::to_string(limits_.most_read) + " that are allowed");
    stream_.configure_read(config);
    if (!launched_) {
      launched_ = true;
      stream_.start(this);
    }
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void flush() override {
    if (stream_.wr_buf().size() > limits_.most_unsent) {
      refuse("more than " + std::to_string(limits_.most_unsent) + " bytes wait to be sent");
      return stream_.wr_buf().clear();
    }
    stream_.flush(this);
  }
  [[nodiscard]] std::string addr() const override { return peer_address(stream_.fd(), false); }
  [[nodiscard]] std::uint16_t port() const override {
    auto port = net::remote_port_of_fd(stream_.fd());
    return port ? *port : std::uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

  bool consume(caf::execution_unit* unit, const void* data, std::size_t size) override {
    if (watch_ && !detached()) {
      auto& bytes = rd_buf();
      bytes.resize(size);
      if (auto why = watch_->judge(unit, bytes); !why.empty()) {
        refuse("it sent " + why);
        return true; // The next read fails, and the broker hears of it that way.
      }
    }
    return scribe::consume(unit, data, size);
  }

 private:
  void refuse(const std::string& why) {
    wire_->broken = true;
    wire_->who->close(why);
  }

  std::shared_ptr<wire> wire_;
  wire_limits limits_;
  std::unique_ptr<basp_watch> watch_;
  bool launched_ = false;
  net::stream_impl<wire_policy> stream_;
};

constexpr caf::atom_value links_name = caf::atom("weirlinks");

caf::actor basp_broker(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

} // namespace

void load_middleman(caf::actor_system_config& config) {
  config.module_factories.emplace_back(
      [](caf::actor_system& system) -> caf::actor_system::module* { return new node_middleman(system); });
  config.set("middleman.enable-automatic-connections", false);
  config.set("middleman.heartbeat-interval", caf::timespan{0});
  config.set("middleman.connection-timeout", caf::timespan{0});
  // The workers would deserialize on the threads of the tasks, behind whatever these do.
  config.set("middleman.workers", std::size_t{0});
  config.add_message_type<node_message>("weir.node_message");
}

std::string process_id(const caf::actor_system& system) { return to_string(system.node()); }

caf::io::scribe_ptr make_scribe(caf::actor_system& system, secure_socket socket, std::shared_ptr<node_connection> who,
                                wire_limits limits) {
  auto& backend = static_cast<net::default_multiplexer&>(system.middleman().backend());
  auto fd = socket.release(); // The stream closes it.
  auto w = std::make_shared<wire>(wire{std::move(socket), std::move(who)});
  return caf::make_counted<wire_scribe>(backend, std::move(w), fd, limits, process_id(system));
}

void register_links(caf::actor_system& system, const caf::actor& links) {
  // Nobody may spawn actors here from afar.
  system.registry().erase(caf::atom("SpawnServ"));
  system.registry().put(links_name, caf::actor_cast<caf::strong_actor_ptr>(links));
}

void unregister_links(caf::actor_system& system) { system.registry().erase(links_name); }

void send_to_links(caf::actor_system& system, const caf::actor& from, const caf::node_id& node, node_message m) {
  caf::send_as(from, basp_broker(system), caf::forward_atom_v, node, links_name, caf::make_message(std::move(m)));
}

void accept_actors(caf::actor_system& system, caf::io::scribe_ptr scribe, const caf::actor& published) {
  // The port is only the name under which the broker finds what it publishes.
  caf::anon_send(basp_broker(system), caf::publish_atom_v, std::move(scribe), std::uint16_t{0},
                 caf::actor_cast<caf::strong_actor_ptr>(published), std::set<std::string>{});
}

} // namespace weir
