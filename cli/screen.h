#pragma once
// Knows: a terminal as a whole screen (ncurses). Touches: the terminal, which is as it was when
// this goes.

#include <memory>
#include <vector>

#include "cli/table.h"
#include "cli/watch_lines.h"

namespace dnspin {

class Screen {
 public:
  // Null where the terminal is none that can be drawn on.
  static std::unique_ptr<Screen> Open();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  ScreenSize size() const;
  void Show(const std::vector<Row>& rows);

  // The key that was struck within that time; 0: none.
  int WaitForKey(int milliseconds);
  bool keyboard_gone() const { return keyboard_gone_; }

 private:
  explicit Screen(void* terminal) : terminal_(terminal) {}

  void* terminal_;
  bool keyboard_gone_ = false;
};

}  // namespace dnspin
