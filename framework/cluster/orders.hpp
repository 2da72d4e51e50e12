#pragma once
#include <string>
#include <vector>
#include <weir/cluster/cluster_state.hpp>

/// What the leader writes when people or nodes ask for it. Pure.
namespace weir::cluster {

struct decided {
  std::vector<control_body> bodies; ///< To be committed; empty: it is so already.
  std::string said;                 ///< For whoever asked, once it is committed.
};

/// A record must fit into a message of a broker with its usual limit of 1 MB, together with what it replaces.
inline constexpr std::size_t longest_services = std::size_t{400} << 10;

/// The services file is `text` from now on, with the present one as fallback; empty: no services. Errors: too_large.
result<decided> decide_services(const cluster_state& read, const std::string& text);
/// The node gets no work any more, or again. Errors: not_found, naming the members.
result<decided> decide_draining(const cluster_state& read, const std::string& node, bool draining);
/// What the records of members have to say for these nodes to be as they report; what people decided (draining) stays.
std::vector<control_body> decide_members(const cluster_state& read, const std::vector<member_record>& reported);

} // namespace weir::cluster
