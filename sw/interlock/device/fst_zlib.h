// What Verilator's FST writer wants of zlib, so that waves need no library: a stream of stored blocks (RFC 1950,
// RFC 1951).  That is longer than what is in it, so the writer stores small tables as they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

using Bytef = unsigned char;
using uLong = unsigned long;
using uLongf = unsigned long;
constexpr int Z_OK = 0;

inline uLong compressBound(uLong size) { return size + 5 * (size / 0xFFFF + 1) + 6; }

inline int compress2(Bytef* target, uLongf* length, const Bytef* source, uLong size, int) {
  Bytef* out = target;
  *out++ = 0x78;
  *out++ = 0x01;
  uint32_t a = 1, b = 0;
  for (uLong i = 0; i < size; ++i) {
    a = (a + source[i]) % 65521;
    b = (b + a) % 65521;
  }
  uLong at = 0;
  do {
    const uLong part = std::min<uLong>(size - at, 0xFFFF);
    const uLong fields[] = {part, ~part};
    *out++ = at + part == size;
    for (uLong field : fields) {
      *out++ = field;
      *out++ = field >> 8;
    }
    std::memcpy(out, source + at, part);
    out += part;
    at += part;
  } while (at < size);
  for (uint32_t sum : {b, a}) {
    *out++ = sum >> 8;
    *out++ = sum;
  }
  *length = out - target;
  return Z_OK;
}
