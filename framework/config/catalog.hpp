#pragma once
#include <string>
#include <vector>
#include <weir/config/config.hpp>

namespace weir {

/// An object at the top of the configuration and the settings in it.
struct config_section {
  std::string name; ///< Empty: the top itself.
  std::string sentence;
  const settings_table* table = nullptr;
  /// Writes the values of the section into the configuration.
  std::function<void(config&, const setting_values&)> apply;
};

/// All sections of the configuration; with connection_types() the one table of every setting there is.
[[nodiscard]] const std::vector<config_section>& config_sections();

/// `shards` of a service.
[[nodiscard]] const setting& shards_setting();

/// Those of a node file.
[[nodiscard]] const std::vector<config_section>& node_sections();

/// One type of connection: the settings of its object; dots are part of a name.
struct connection_type {
  std::string name;
  std::string sentence;
  const settings_table* table = nullptr;
};
[[nodiscard]] const std::vector<connection_type>& connection_types();

/// True for names of client properties that hold a secret (passwords, private keys, tokens).
[[nodiscard]] bool is_secret_property(std::string_view name);

/// A setting for readers: what is written for it ("integer", "duration", its words), its bounds with the unit (empty:
/// none but those of its form; "0 to 128", "at least 1ms"), and its default ("required", "none", or JSON text).
[[nodiscard]] std::string form_text(const setting& s);
[[nodiscard]] std::string bounds_text(const setting& s);
[[nodiscard]] std::string default_text(const setting& s);

} // namespace weir
