// A reader of JSON text for headers of checkpoints: no tree, no recursion, nothing is allocated.
#pragma once

#include <stdint.h>

namespace ember::rt {

/// Reads on through a text that ends with a zero byte, which it changes: strings are unescaped where they stand. After the first
/// mistake every read fails.
class JsonReader {
public:
  explicit JsonReader(char *text) : at(text) {}

  /// Whether everything so far was as asked for.
  bool good() const { return isGood; }
  /// Skips space and takes this character, or fails.
  void expect(char wanted);
  /// Skips space and takes this character where it comes next.
  bool accept(char wanted);
  /// A string without zero bytes, ended by one; "" after a mistake.
  char *string();
  /// A number from 0 to 2^63 - 1 without fraction or exponent.
  int64_t natural();
  double number();
  /// Nothing but space is left before `end`, where the text's zero byte stands.
  bool atEnd(const char *end);

private:
  char *fail();
  uint32_t hexDigits();
  char *at;
  bool isGood = true;
};

} // namespace ember::rt
