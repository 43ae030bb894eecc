// One element of a reference tensor.
#pragma once

#include <cstdint>

namespace ember::ir {

/// A double (for every float dtype) or an exact 64-bit integer (for integers and bools: 0 or 1; ui64 as its bits).
class Scalar {
public:
  static Scalar real(double value) { return {true, value, 0}; }
  static Scalar integer(int64_t value) { return {false, 0, value}; }

  bool isReal() const { return holdsReal; }
  double real() const { return holdsReal ? realValue : static_cast<double>(integerValue); }
  int64_t integer() const { return integerValue; }
  bool isTrue() const { return holdsReal ? realValue != 0 : integerValue != 0; }

private:
  Scalar(bool holdsReal, double realValue, int64_t integerValue)
      : holdsReal(holdsReal), realValue(realValue), integerValue(integerValue) {}
  bool holdsReal;
  double realValue;
  int64_t integerValue;
};

} // namespace ember::ir
