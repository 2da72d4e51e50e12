#include <charconv>
#include <weir/config/document.hpp>

namespace weir {
namespace {

namespace json = boost::json;

text_position position_at(std::string_view text, std::size_t offset) {
  text_position at{1, 1};
  for (char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++at.column;
    }
  }
  return at;
}

// Walks text that was parsed already: Boost.JSON tells neither where a value stands nor that a key came twice.
class position_scanner {
 public:
  position_scanner(std::string_view text, json_document& doc, std::vector<config_problem>& problems)
      : text_(text), doc_(doc), problems_(problems) {}

  void value(const std::string& pointer) {
    skip();
    doc_.positions[pointer] = where();
    if (peek() == '{')
      object(pointer);
    else if (peek() == '[')
      array(pointer);
    else if (peek() == '"')
      (void)string();
    else
      while (at_ < text_.size() && std::string_view(",]}/ \t\r\n").find(text_[at_]) == std::string_view::npos)
        next();
  }

 private:
  void object(const std::string& pointer) {
    next();
    std::set<std::string> seen;
    for (skip(); peek() != '}' && at_ < text_.size(); skip()) {
      auto at = where();
      auto key = string();
      auto member = pointer + "/" + pointer_token(key);
      if (!seen.insert(key).second)
        problems_.push_back({member, "the key '" + key + "' is written twice", at.line, at.column});
      skip();
      next(); // ':'
      value(member);
      comma();
    }
    next();
  }

  void array(const std::string& pointer) {
    next();
    std::size_t index = 0;
    for (skip(); peek() != ']' && at_ < text_.size(); skip()) {
      value(pointer + "/" + std::to_string(index++));
      comma();
    }
    next();
  }

  void comma() {
    skip();
    if (peek() == ',')
      next();
  }

  std::string string() {
    auto first = at_;
    next();
    while (at_ < text_.size() && peek() != '"') {
      if (peek() == '\\')
        next();
      next();
    }
    next();
    boost::system::error_code ec;
    auto parsed = json::parse(text_.substr(first, at_ - first), ec);
    return !ec && parsed.is_string() ? std::string(parsed.get_string()) : std::string{};
  }

  void skip() {
    while (at_ < text_.size()) {
      if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        next();
      } else if (text_.substr(at_, 2) == "//") {
        while (at_ < text_.size() && peek() != '\n')
          next();
      } else if (text_.substr(at_, 2) == "/*") {
        next();
        next();
        while (at_ < text_.size() && text_.substr(at_, 2) != "*/")
          next();
        next();
        next();
      } else {
        return;
      }
    }
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] text_position where() const { return here_; }
  void next() {
    if (at_ >= text_.size())
      return;
    char c = text_[at_++];
    if (c == '\n') {
      ++here_.line;
      here_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++here_.column;
    }
  }

  std::string_view text_;
  json_document& doc_;
  std::vector<config_problem>& problems_;
  std::size_t at_ = 0;
  text_position here_{1, 1};
};

result<std::vector<std::string>> tokens_of(const std::string& pointer) {
  std::vector<std::string> tokens;
  if (pointer.size() < 2 || pointer.front() != '/')
    return {errc::invalid_config, "'" + pointer + "' is not a JSON pointer such as /checkpoint/interval"};
  std::string token;
  for (std::size_t i = 1; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.push_back(std::exchange(token, {}));
    } else if (pointer[i] == '~' && i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1')) {
      token += pointer[++i] == '0' ? '~' : '/';
    } else {
      token += pointer[i];
    }
  }
  tokens.push_back(std::move(token));
  return tokens;
}

result<> set_value(json_document& doc, const std::string& pointer, json::value value) {
  WEIR_ASSIGN(auto tokens, tokens_of(pointer));
  auto* here = &doc.root;
  std::string path;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    bool last = i + 1 == tokens.size();
    const auto& token = tokens[i];
    if (here->is_object()) {
      auto& object = here->get_object();
      if (!last && !object.contains(token))
        object[token] = json::object{};
      here = &object[token];
    } else if (here->is_array()) {
      std::size_t index = 0;
      auto [end, ec] = std::from_chars(token.data(), token.data() + token.size(), index);
      if (ec != std::errc{} || end != token.data() + token.size() || index >= here->get_array().size())
        return {errc::invalid_config, "'" + pointer + "': " + (path.empty() ? "/" : path) + " has no element '" + token + "'"};
      here = &here->get_array()[index];
    } else {
      return {errc::invalid_config, "'" + pointer + "': " + (path.empty() ? "the file" : path) + " is not an object"};
    }
    path += "/" + pointer_token(token);
  }
  *here = std::move(value);
  // What stood below is gone, and so are its positions and marks.
  auto below = [&](const std::string& p) { return p == path || p.starts_with(path + "/"); };
  std::erase_if(doc.positions, [&](const auto& entry) { return below(entry.first); });
  std::erase_if(doc.loose, below);
  std::erase_if(doc.verbatim, below);
  return success();
}

json::parse_options options() {
  json::parse_options o;
  o.allow_comments = true;
  o.allow_trailing_commas = true;
  o.max_depth = 32;
  return o;
}

} // namespace

std::string pointer_token(std::string_view key) {
  std::string out;
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

json_document parse_document(std::string_view text, std::vector<config_problem>& problems) {
  json_document doc;
  json::stream_parser parser({}, options());
  boost::system::error_code ec;
  auto used = parser.write_some(text.data(), text.size(), ec);
  if (!ec && used < text.size())
    ec = json::error::extra_data;
  if (!ec)
    parser.finish(ec);
  if (ec) {
    auto at = position_at(text, used);
    problems.push_back({"", "this is not JSON: " + ec.message(), at.line, at.column});
    return doc;
  }
  doc.root = parser.release();
  position_scanner{text, doc, problems}.value("");
  return doc;
}

result<> apply_override(json_document& doc, const setting_override& o) {
  if (!o.value.empty() && std::string_view("{[\"").find(o.value.front()) != std::string_view::npos) {
    boost::system::error_code ec;
    auto value = json::parse(o.value, ec, {}, options());
    if (ec)
      return {errc::invalid_config, "the value for '" + o.pointer + "' is not JSON: " + ec.message()};
    return set_value(doc, o.pointer, std::move(value));
  }
  WEIR_TRY(set_value(doc, o.pointer, json::value(o.value)));
  doc.loose.insert(o.pointer);
  return success();
}

result<> apply_variable(json_document& doc, const std::string& pointer, const std::string& value) {
  WEIR_TRY(set_value(doc, pointer, json::value(value)));
  doc.loose.insert(pointer);
  doc.verbatim.insert(pointer);
  return success();
}

text_position position_of(const json_document& doc, std::string_view pointer) {
  for (;;) {
    if (auto found = doc.positions.find(std::string(pointer)); found != doc.positions.end())
      return found->second;
    auto slash = pointer.rfind('/');
    if (slash == std::string_view::npos)
      return {};
    pointer = pointer.substr(0, slash);
  }
}

} // namespace weir
