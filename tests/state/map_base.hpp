#pragma once
#include <map>
#include <memory>
#include <string>
#include <weir/state/task_state.hpp>

/// A base in RAM with snapshots, as LMDB's: a reader sees what was there at its first read after release().
class map_base {
 public:
  using rows = std::map<std::string, std::string, std::less<>>;

  class snapshot_reader final : public weir::base_reader {
   public:
    explicit snapshot_reader(const map_base& base) : base_(&base) {}
    weir::result<std::optional<std::string_view>> get(std::string_view row_key) override {
      hold();
      auto it = snapshot_->find(row_key);
      if (it == snapshot_->end())
        return std::optional<std::string_view>();
      return std::optional(std::string_view(it->second));
    }
    weir::result<> scan(std::string_view row_key, const std::function<bool(std::string_view, std::string_view)>& visit) override {
      hold();
      auto held = snapshot_;
      for (auto it = held->lower_bound(row_key); it != held->end(); ++it)
        if (!visit(it->first, it->second))
          break;
      return weir::success();
    }
    void release() override { snapshot_.reset(); }
    [[nodiscard]] bool empty() const override { return (snapshot_ ? snapshot_ : base_->rows_)->empty(); }

   private:
    void hold() {
      if (!snapshot_)
        snapshot_ = base_->rows_;
    }
    const map_base* base_;
    std::shared_ptr<const rows> snapshot_;
  };

  [[nodiscard]] std::unique_ptr<weir::base_reader> reader() const { return std::make_unique<snapshot_reader>(*this); }
  [[nodiscard]] const rows& current() const { return *rows_; }
  void publish(rows next) { rows_ = std::make_shared<const rows>(std::move(next)); }

 private:
  std::shared_ptr<const rows> rows_ = std::make_shared<const rows>();
};
