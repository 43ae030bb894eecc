#include "tools/ember/Bench.h"
#include "tools/ember/Ceilings.h"
#include "llvm/Support/Format.h"

namespace ember::tool {

// The pool's threads each run a loop at once; their rates add up.
static double onAllThreads(double (*rate)(int64_t), int64_t argument) {
  struct Context {
    double (*rate)(int64_t);
    int64_t argument;
    std::vector<double> rates;
  } context{rate, argument, std::vector<double>(ember_rt_pool_size(processPool()))};
  int64_t count = context.rates.size();
  auto one = [](void *opaque, int64_t begin, int64_t end, unsigned) {
    auto *own = static_cast<Context *>(opaque);
    for (int64_t i = begin; i < end; ++i)
      own->rates[i] = own->rate(own->argument);
  };
  ember_rt_parallel(processPool(), count, 1, count, one, &context);
  double sum = 0;
  for (double part : context.rates)
    sum += part;
  return sum;
}

static int64_t classOf(double bytes) {
  int64_t rounded = 4096;
  while (rounded < bytes && rounded < (int64_t(1) << 28))
    rounded *= 2;
  return rounded;
}

void MeasuredCeilings::measure(const std::vector<double> &bytes) {
  peak = std::max(peak, onAllThreads([](int64_t) { return bench::fmaPeak(); }, 0));
  for (double own : bytes)
    copies.try_emplace(classOf(own), 0);
  int64_t threads = ember_rt_pool_size(processPool());
  for (auto &[own, rate] : copies)
    rate = std::max(rate, onAllThreads(bench::copyRate, std::max<int64_t>(own / threads, 1)));
}

double MeasuredCeilings::copyRate(double bytes) const { return copies.at(classOf(bytes)); }

BenchRow rowOf(const std::string &name, double seconds, double flops, double bytes, const MeasuredCeilings &ceilings) {
  double flopRate = flops / seconds / 1e9, byteRate = bytes / seconds / 1e9;
  return {
      name, seconds * 1e3, flopRate, 100 * flopRate / ceilings.flopRate(), byteRate, 100 * byteRate / ceilings.copyRate(bytes)};
}

std::string tableOf(const std::string &nameTitle, const std::vector<BenchRow> &rows) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "        ms   GFLOP/s   % peak      GB/s   % copy  " << nameTitle << "\n";
  for (const BenchRow &row : rows)
    out << llvm::format("%10.4f %9.1f %8.1f %9.1f %8.1f  ", row.milliseconds, row.flopRate, row.percentOfPeak, row.byteRate,
                        row.percentOfCopy)
        << row.name << "\n";
  return text;
}

nlohmann::json jsonOf(const char *nameKey, const std::vector<BenchRow> &rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const BenchRow &row : rows)
    list.push_back({{nameKey, row.name},
                    {"milliseconds", row.milliseconds},
                    {"gflops_per_second", row.flopRate},
                    {"percent_of_peak", row.percentOfPeak},
                    {"gigabytes_per_second", row.byteRate},
                    {"percent_of_copy", row.percentOfCopy}});
  return list;
}

std::string conditions(const std::string &whose, double peak, unsigned threads, unsigned repeat) {
  std::string text;
  llvm::raw_string_ostream(text) << "peak: " << llvm::format("%.1f", peak)
                                 << " GFLOP/s of multiply-adds in registers; copy: a copy of " << whose << " bytes; " << threads
                                 << (threads == 1 ? " thread" : " threads") << ", best of " << repeat << " runs in turn\n";
  return text;
}

} // namespace ember::tool
