#define NCURSES_NOMACROS 1
#include "cli/screen.h"

#include <curses.h>
#include <poll.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>

namespace dnspin {
namespace {

void StartColours() {
  if (!has_colors()) {
    return;
  }
  start_color();
  use_default_colors();
  for (const auto& [colour, ink] : {std::pair{Colour::kGood, COLOR_GREEN},
                                    {Colour::kBad, COLOR_RED},
                                    {Colour::kNote, COLOR_YELLOW}}) {
    init_pair(static_cast<short>(colour), static_cast<short>(ink), -1);
  }
}

attr_t AttributeOf(Colour colour) {
  if (colour == Colour::kNone) {
    return A_NORMAL;
  }
  if (colour == Colour::kHead || !has_colors()) {
    return A_BOLD;
  }
  return static_cast<attr_t>(COLOR_PAIR(static_cast<int>(colour)));
}

}  // namespace

std::unique_ptr<Screen> Screen::Open() {
  std::setlocale(LC_CTYPE, "");
  SCREEN* const terminal = newterm(nullptr, stdout, stdin);
  if (terminal == nullptr) {
    return nullptr;
  }
  cbreak();
  noecho();
  curs_set(0);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  StartColours();
  return std::unique_ptr<Screen>(new Screen(terminal));
}

Screen::~Screen() {
  endwin();
  delscreen(static_cast<SCREEN*>(terminal_));
}

ScreenSize Screen::size() const {
  return {static_cast<size_t>(getmaxy(stdscr)), static_cast<size_t>(getmaxx(stdscr))};
}

void Screen::Show(const std::vector<Row>& rows) {
  erase();
  int y = 0;
  for (const Row& row : rows) {
    move(y++, 0);
    for (const Cell& cell : row) {
      attrset(static_cast<int>(AttributeOf(cell.colour)));
      addnstr(cell.text.data(), static_cast<int>(cell.text.size()));
    }
  }
  attrset(A_NORMAL);
  refresh();
}

int Screen::WaitForKey(int milliseconds) {
  pollfd keyboard{STDIN_FILENO, POLLIN, 0};
  if (poll(&keyboard, 1, milliseconds) < 0) {
    keyboard.revents = POLLIN;  // a signal: it may have been the window's
  }
  const int key = getch();
  keyboard_gone_ = (keyboard.revents & (POLLHUP | POLLERR)) != 0;
  return key == ERR || key == KEY_RESIZE ? 0 : key;
}

}  // namespace dnspin
