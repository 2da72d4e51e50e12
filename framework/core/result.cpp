#include <weir/core/result.hpp>

namespace weir {
namespace {

struct errc_facts {
  const char* sentence;
  fault who;
  retry again;
};

// The one place that says what a code means; describe, fault_of and retry_of only look it up.
errc_facts facts_of(errc code) {
  switch (code) {
    case errc::invalid_argument:
      return {"a value is outside what is documented", fault::user, retry::never};
    case errc::invalid_config:
      return {"the configuration is wrong", fault::user, retry::never};
    case errc::invalid_graph:
      return {"the job graph cannot run", fault::user, retry::never};
    case errc::decode_failed:
      return {"bytes do not have the announced form", fault::user, retry::never};
    case errc::user_code_failed:
      return {"a user's function failed", fault::user, retry::restart};
    case errc::not_found:
      return {"something that must exist does not", fault::environment, retry::later};
    case errc::already_exists:
      return {"something to be created is there already", fault::environment, retry::never};
    case errc::out_of_range:
      return {"an offset is not in the topic", fault::environment, retry::never};
    case errc::too_large:
      return {"a record or value is above its limit", fault::user, retry::never};
    case errc::unavailable:
      return {"a broker, disk or peer did not answer", fault::environment, retry::later};
    case errc::unknown_outcome:
      return {"the operation may or may not have happened", fault::environment, retry::restart};
    case errc::fenced:
      return {"another process has taken over", fault::environment, retry::never};
    case errc::store_locked:
      return {"another process holds the store", fault::environment, retry::later};
    case errc::store_foreign:
      return {"the store is not the one that published", fault::environment, retry::never};
    case errc::store_corrupt:
      return {"the store is damaged", fault::environment, retry::never};
    case errc::store_full:
      return {"the store is full", fault::environment, retry::later};
    case errc::incompatible:
      return {"stored state does not fit this job or release", fault::user, retry::never};
    case errc::memory_limit:
      return {"the job does not fit into memory.limit", fault::user, retry::never};
    case errc::not_authorized:
      return {"a right is missing", fault::environment, retry::never};
    case errc::cancelled:
      return {"stopped on request", fault::user, retry::never};
    case errc::internal:
      return {"a broken invariant of Weir", fault::bug, retry::restart};
  }
  return {"an unknown error code", fault::bug, retry::never};
}

} // namespace

const char* describe(errc code) { return facts_of(code).sentence; }
fault fault_of(errc code) { return facts_of(code).who; }
retry retry_of(errc code) { return facts_of(code).again; }

} // namespace weir
