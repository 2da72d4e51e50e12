#pragma once
#include <string>
#include <vector>
#include "services/weir/commands.hpp"

namespace weir {

struct node_certs_options {
  std::string directory;
  std::string cluster;
  std::vector<std::string> nodes;
  int days = 825;
};

/// `node certs`: makes a test authority, or takes the one in the directory, and a certificate with key for each node. 2: a bad
/// name. 3: a file is there already (nothing is written), or the disk.
exit_code node_certs_command(const node_certs_options& options, const program_seams& seams);

} // namespace weir
