// Reads files of tests/golden: `case NAME` lines, each followed by one line a tensor: role, dtype, rank, sizes, values.
#pragma once

#include <ember/ember.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace golden {

/// The tensors of one case, by role, in the file's order.
using Case = std::map<std::string, std::vector<ember::Tensor>>;

inline ember::ScalarType dtypeOf(const std::string &name) {
  static const std::map<std::string, ember::ScalarType> dtypes = {
      {"f64", ember::kFloat64}, {"f32", ember::kFloat32}, {"f16", ember::kFloat16}, {"bf16", ember::kBFloat16},
      {"i64", ember::kInt64},   {"i32", ember::kInt32},   {"i16", ember::kInt16},   {"i8", ember::kInt8},
      {"u8", ember::kUInt8},    {"bool", ember::kBool}};
  return dtypes.at(name);
}

/// Reads dtype, rank, sizes, values.
inline ember::Tensor readTensor(std::istream &words) {
  std::string dtype, word;
  int64_t rank = 0, count = 1;
  words >> dtype >> rank;
  ember::Shape shape(rank);
  for (int64_t &size : shape) {
    words >> size;
    count *= size;
  }
  if (dtype[0] == 'i' || dtype[0] == 'u' || dtype == "bool") {
    std::vector<int64_t> values;
    for (int64_t i = 0; i < count && words >> word; ++i)
      values.push_back(std::strtoll(word.c_str(), nullptr, 10));
    return ember::from_vector(values, shape).to(dtypeOf(dtype));
  }
  std::vector<double> values; // strtod reads inf and nan, streams do not
  for (int64_t i = 0; i < count && words >> word; ++i)
    values.push_back(std::strtod(word.c_str(), nullptr));
  return ember::from_vector(values, shape).to(dtypeOf(dtype));
}

/// Cases by name, in the file's order.
inline std::vector<std::pair<std::string, Case>> read(const std::string &name) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/" + name);
  std::vector<std::pair<std::string, Case>> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string role;
    words >> role;
    if (role == "case") {
      words >> role;
      cases.emplace_back(role, Case());
    } else {
      cases.back().second[role].push_back(readTensor(words));
    }
  }
  if (cases.empty())
    throw std::runtime_error("tests/golden/" + name + ": expected cases, found none");
  return cases;
}

} // namespace golden
