#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <weir/graph/plan.hpp>

namespace weir {

enum class graph_format { text, mermaid, dot, json };

/// The plan of a job in one of the forms; ends with a line break. Pure.
[[nodiscard]] std::string graph_text(const job_plan& plan, graph_format format);

} // namespace weir
