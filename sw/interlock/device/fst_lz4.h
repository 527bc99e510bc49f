// What Verilator's FST writer wants of liblz4, so that waves need no library: one block of the LZ4 format
// (github.com/lz4/lz4, doc/lz4_Block_format.md), found greedily.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char* source, char* target, int size, int) {
  constexpr int least = 4, last_literals = 5, last_match = 12, hash_bits = 14;
  const auto* in = reinterpret_cast<const uint8_t*>(source);
  auto* out = reinterpret_cast<uint8_t*>(target);
  std::vector<int> seen(1 << hash_bits, -1);  // by hash of four bytes: where they were last

  const auto word = [&](int at) {
    uint32_t value;
    std::memcpy(&value, in + at, 4);
    return value;
  };
  const auto rest = [&](int length) {  // what of a length does not fit its four bits in the token
    for (length -= 15; length >= 0; length -= 255) *out++ = length < 255 ? length : 255;
  };
  const auto nibble = [](int length) { return length < 15 ? length : 15; };

  int at = 0, literals = 0;  // literals: where those begin that are not written yet
  while (at <= size - last_match) {
    int& place = seen[word(at) * 2654435761u >> (32 - hash_bits)];
    const int match = place;
    place = at;
    if (match < 0 || at - match > 0xFFFF || word(match) != word(at)) {
      ++at;
      continue;
    }
    int length = least;
    while (at + length < size - last_literals && in[match + length] == in[at + length]) ++length;
    const int run = at - literals, offset = at - match;
    *out++ = nibble(run) << 4 | nibble(length - least);
    rest(run);
    std::memcpy(out, in + literals, run);
    out += run;
    *out++ = offset;
    *out++ = offset >> 8;
    rest(length - least);
    at += length;
    literals = at;
  }
  const int run = size - literals;
  *out++ = nibble(run) << 4;
  rest(run);
  std::memcpy(out, in + literals, run);
  return out + run - reinterpret_cast<uint8_t*>(target);
}
