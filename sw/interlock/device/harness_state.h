// What a Model remembers: registers and memories, as Verilator's tables have them.  Those are empty unless the model
// was built with their names (state.py).

#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "verilated.h"
#include "verilated_syms.h"

namespace interlock {

class Cells {
 public:
  explicit Cells(VerilatedContext& context) {
    for (const auto& [path, scope] : *context.scopeNameMap()) {
      if (!scope->varsp()) continue;
      for (const auto& [name, cell] : *scope->varsp()) {
        size_t words = 1;
        for (const VerilatedRange& range : cell.unpackedRanges()) words *= range.elements();
        places_.push_back({cell.datap(), cell.totalSize()});
        names_ += std::string(path) + ' ' + std::to_string(words) + ' ' + std::to_string(cell.entBits()) + ' ' +
                  std::to_string(cell.totalSize()) + ' ' + name + '\n';
      }
    }
  }

  // A line for each: path of its module, words, bits of a word, bytes of all of it, name.
  const char* names() const { return names_.c_str(); }

  // All of them, one after the other in the order of the names.
  void copy(uint8_t* to) const {
    for (const Place& place : places_) {
      std::memcpy(to, place.data, place.size);
      to += place.size;
    }
  }

 private:
  struct Place {
    const void* data;
    size_t size;
  };
  std::vector<Place> places_;
  std::string names_;
};

}  // namespace interlock
