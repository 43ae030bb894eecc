// Reads the files that tests/golden/make_ops.py writes.
#pragma once

#include <ember/ember.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace golden {

/// Tensors by role: in, cotangent, out, grad.
using Case = std::map<std::string, std::vector<ember::Tensor>>;

inline ember::Tensor tensorOf(std::istringstream &words) {
  std::string dtype, word;
  int64_t rank = 0;
  words >> dtype >> rank;
  ember::Shape shape(rank);
  for (int64_t &size : shape)
    words >> size;
  std::vector<double> values;
  while (words >> word)
    values.push_back(std::strtod(word.c_str(), nullptr)); // a stream refuses inf and nan
  ember::Tensor wide = ember::from_vector(values, shape);
  return dtype == "f64"   ? wide
         : dtype == "f32" ? wide.to(ember::kFloat32)
         : dtype == "i64" ? wide.to(ember::kInt64)
                          : wide.to(ember::kBool);
}

/// The cases of a file in its order.
inline std::vector<std::pair<std::string, Case>> read(const std::string &name) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/" + name);
  std::vector<std::pair<std::string, Case>> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string role, label;
    words >> role;
    if (role == "case") {
      words >> label;
      cases.emplace_back(label, Case{});
    } else {
      cases.back().second[role].push_back(tensorOf(words));
    }
  }
  return cases;
}

} // namespace golden
