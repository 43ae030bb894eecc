// Source of the grammar: RFC 8259.
#include "runtime/checkpoint/Json.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

namespace ember::rt {

static char nothing[1];

char *JsonReader::fail() {
  isGood = false;
  nothing[0] = 0;
  return nothing;
}

bool JsonReader::accept(char wanted) {
  while (isGood && *at && strchr(" \t\r\n", *at))
    ++at;
  if (!isGood || *at != wanted)
    return false;
  ++at;
  return true;
}

void JsonReader::expect(char wanted) {
  if (!accept(wanted))
    fail();
}

bool JsonReader::atEnd(const char *end) { return !accept('\x01') && isGood && at == end; }

uint32_t JsonReader::hexDigits() {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    char c = *at;
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (digit < 0) {
      fail();
      return 0;
    }
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

static char *writeUtf8(char *out, uint32_t code) {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *out++ = static_cast<char>(0xc0 | code >> 6);
    *out++ = static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *out++ = static_cast<char>(0xe0 | code >> 12);
    *out++ = static_cast<char>(0x80 | (code >> 6 & 63));
    *out++ = static_cast<char>(0x80 | (code & 63));
  } else {
    *out++ = static_cast<char>(0xf0 | code >> 18);
    *out++ = static_cast<char>(0x80 | (code >> 12 & 63));
    *out++ = static_cast<char>(0x80 | (code >> 6 & 63));
    *out++ = static_cast<char>(0x80 | (code & 63));
  }
  return out;
}

char *JsonReader::string() {
  expect('"');
  if (!isGood)
    return fail();
  char *start = at, *out = at; // an escape is never shorter than what it stands for
  while (*at != '"') {
    auto c = static_cast<unsigned char>(*at);
    if (c < 0x20)
      return fail();
    if (c != '\\') {
      *out++ = *at++;
      continue;
    }
    ++at;
    const char *escapes = "\"\\/bfnrt", *meanings = "\"\\/\b\f\n\r\t";
    if (*at == 'u') {
      ++at;
      uint32_t code = hexDigits();
      if (code >= 0xd800 && code < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
        at += 2;
        uint32_t low = hexDigits();
        if (low < 0xdc00 || low > 0xdfff)
          return fail();
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      } else if (code >= 0xd800 && code <= 0xdfff) {
        return fail();
      }
      if (!isGood || code == 0)
        return fail();
      out = writeUtf8(out, code);
    } else if (const char *found = *at ? strchr(escapes, *at) : nullptr) {
      *out++ = meanings[found - escapes];
      ++at;
    } else {
      return fail();
    }
  }
  ++at;
  *out = 0;
  return start;
}

int64_t JsonReader::natural() {
  accept('\x01'); // skips space
  int64_t value = 0;
  if (!isGood || *at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9')) {
    fail();
    return 0;
  }
  for (; *at >= '0' && *at <= '9'; ++at)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value)) {
      fail();
      return 0;
    }
  if (*at == '.' || *at == 'e' || *at == 'E')
    fail();
  return value;
}

double JsonReader::number() {
  accept('\x01');
  locale_t plain = newlocale(LC_ALL_MASK, "C", static_cast<locale_t>(nullptr));
  if (!isGood || !plain || !*at || !strchr("-0123456789", *at)) {
    fail();
    return 0;
  }
  char *after;
  double value = strtod_l(at, &after, plain);
  freelocale(plain);
  if (after == at || !isfinite(value))
    fail();
  at = after;
  return value;
}

} // namespace ember::rt
