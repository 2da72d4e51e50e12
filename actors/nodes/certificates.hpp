#pragma once
#include <string>
#include <vector>
#include <weir/core/result.hpp>

namespace weir {

/// The files of one cluster's test certificates in a directory.
struct certificate_paths {
  std::string certificate, key;
};
certificate_paths authority_paths(const std::string& directory);
certificate_paths node_paths(const std::string& directory, const std::string& node);

/// What `make_certificates` wrote.
struct made_certificates {
  bool authority = false; ///< False: the directory had one, which signed.
  std::vector<std::string> files;
};

/// Makes a certificate authority for a cluster (or takes the one in the directory) and a certificate with key for each node,
/// signed by it: EC P-256, SAN URI `weir://CLUSTER/NODE`, valid for `days`. Keys are readable by the owner only. Makes the
/// directory if it is not there. Blocks. Errors: invalid_argument (a name), already_exists (nothing is written when a file of a
/// node is there already, or when the authority there is of another cluster), unavailable (the disk); files that were written
/// stay then.
result<made_certificates> make_certificates(const std::string& directory, const std::string& cluster,
                                            const std::vector<std::string>& nodes, int days = 825);

} // namespace weir
