#pragma once
#include <string>
#include <weir/core/result.hpp>

namespace weir::storage_detail {

/// Makes the directory and its missing parents, each with mode 0700. Errors: unavailable, store_full.
result<> make_directories(const std::string& path);

} // namespace weir::storage_detail
