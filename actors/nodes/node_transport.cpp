#include "actors/nodes/node_transport.hpp"

namespace weir {
namespace {

result<node_credentials> credentials_of(const caf::actor_system& system, const node_transport_options& o) {
  node_credentials c;
  c.us.self = {o.cluster, o.self.name};
  c.us.process = process_id(system);
  for (const auto& m : o.members) {
    WEIR_TRY(check_node_name(m.name, "node"));
    if (!c.us.members.insert(m.name).second)
      return error{errc::invalid_config, "two nodes are called \"" + m.name + "\" in the configuration"};
  }
  if (!c.us.members.contains(o.self.name))
    return error{errc::invalid_config, "node \"" + o.self.name + "\" is not among the cluster's nodes in its own configuration"};
  if (o.tls) {
    WEIR_ASSIGN(c.tls, tls_context::load(*o.tls));
  } else if (!o.token_file.empty()) {
    WEIR_TRY(node_token::make(o.token_file));
    WEIR_ASSIGN(c.token, node_token::load(o.token_file));
  }
  return c;
}

} // namespace

result<std::unique_ptr<node_transport>> node_transport::start(caf::actor_system& system, node_transport_options options) {
  std::unique_ptr<node_transport> t(new node_transport(system));
  logger log("node " + options.self.name, "-", -1);
  gate::options way;
  way.listen = options.self;
  WEIR_ASSIGN(way.credentials, credentials_of(system, options));
  way.limits = options.limits;
  // The gate may accept before the link actor is there.
  auto links = std::make_shared<std::promise<caf::actor>>();
  way.accepted = [f = links->get_future().share()](opened_connection c) {
    caf::anon_send(f.get(), msg::link_opened{std::make_shared<opened_connection>(std::move(c)), false});
  };
  way.refused = [log](const std::string& address, const std::string& why) {
    log.warning("refused a connection", {{"address", address}, {"why", why}});
  };
  WEIR_ASSIGN(t->gate_, gate::open(std::move(way)));
  links_options o;
  o.self = {options.cluster, options.self.name};
  o.members = std::move(options.members);
  o.way = t->gate_.get();
  o.speaker = std::move(options.speaker);
  o.alive = options.alive;
  o.frames = std::move(options.frames);
  o.up = std::move(options.up);
  o.down = std::move(options.down);
  o.log = log;
  t->links_ = system.spawn<caf::detached>(node_links, std::move(o));
  register_links(system, t->links_);
  links->set_value(t->links_);
  return t;
}

node_transport::~node_transport() {
  if (!links_)
    return;
  // The links first: they dial through the gate.
  caf::scoped_actor self(system_);
  self->send(links_, msg::links_stop{});
  self->wait_for(links_);
  links_ = nullptr;
}

} // namespace weir
