// What `ember bench` shares between models that it compiles and libraries that are compiled.
#pragma once

#include "tools/ember/Tensors.h"
#include <nlohmann/json.hpp>

namespace ember::tool {

struct BenchArguments {
  InputArguments inputs;
  unsigned threads = 0, repeat = 20;
  bool json = false;
  CompileOptions options;
};

/// The best that the ceilings' loops have reached so far. A copy's ceiling depends on how much is copied: what stays in a cache
/// is copied faster. Each row has that of its own bytes, rounded up to a power of two.
class MeasuredCeilings {
public:
  /// On all threads of the process's pool; `bytes`: of each row.
  void measure(const std::vector<double> &bytes);
  double flopRate() const { return peak; } // GFLOP/s
  double copyRate(double bytes) const;     // GB/s

private:
  double peak = 0;
  std::map<int64_t, double> copies;
};

struct BenchRow {
  std::string name;
  double milliseconds, flopRate, percentOfPeak, byteRate, percentOfCopy; // rates: 1e9 a second
};
BenchRow rowOf(const std::string &name, double seconds, double flops, double bytes, const MeasuredCeilings &ceilings);
/// `nameTitle`: what stands above the names.
std::string tableOf(const std::string &nameTitle, const std::vector<BenchRow> &rows);
nlohmann::json jsonOf(const char *nameKey, const std::vector<BenchRow> &rows);
/// The line under a table: `whose` bytes the copy is of.
std::string conditions(const std::string &whose, double peak, unsigned threads, unsigned repeat);

/// Measures a shared library that ember compiled through its C interface; a table or JSON. Throws Mistake where the file is none.
std::string benchLibrary(const BenchArguments &own, Session &session);

} // namespace ember::tool
