#pragma once

/// Names of the small durable facts of a job store that recovery works by. Persisted: never rename.
namespace weir {

inline constexpr const char* ids_fact = "transactional ids";
inline constexpr const char* incarnations_fact = "own incarnations";
inline constexpr const char* marked_fact = "ids with a marker";
/// The lineage, as its bytes, of the savepoint that the store was made from; until its first claims are confirmed.
inline constexpr const char* savepoint_fact = "savepoint of";

} // namespace weir
