#include "services/weir/node_commands.hpp"
#include <ostream>
#include "actors/nodes/certificates.hpp"

namespace weir {

exit_code node_certs_command(const node_certs_options& options, const program_seams& seams) {
  auto made = make_certificates(options.directory, options.cluster, options.nodes, options.days);
  if (!made)
    return report(made.err(), seams);
  for (const auto& file : made->files)
    seams.out << file << "\n";
  auto at = authority_paths(options.directory);
  seams.err << (made->authority ? "made the authority of cluster " : "signed by the authority of cluster ") << options.cluster
            << "\nnext: each node gets " << at.certificate << ", its own .crt and its own .key; " << at.key
            << " signs new nodes and belongs on none of them\n";
  return exit_code::done;
}

} // namespace weir
