// Printouts of tensors of every kind against PyTorch's (tests/golden/make_printing.py).
#include "GoldenFile.h"

#include <gtest/gtest.h>

namespace {

std::string withNewlines(std::string text) {
  for (size_t at = 0; (at = text.find("\\n", at)) != std::string::npos; ++at)
    text.replace(at, 2, "\n");
  return text;
}

TEST(GoldenPrinting, AsPyTorch) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/printing.txt");
  ember::Tensor tensor;
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string role;
    words >> role;
    if (role == "tensor") {
      tensor = golden::readTensor(words);
      continue;
    }
    if (role == "options") {
      ember::PrintOptions options;
      int scientific = -1;
      words >> options.precision >> options.threshold >> options.edgeitems >> options.linewidth >> scientific;
      if (scientific >= 0)
        options.sci_mode = scientific == 1;
      ember::set_printoptions(options);
      continue;
    }
    std::ostringstream printed;
    printed << tensor;
    EXPECT_EQ(printed.str(), withNewlines(line.substr(5))) << "tensor " << checked;
    ++checked;
  }
  ember::set_printoptions({});
  EXPECT_EQ(checked, 257);
}

} // namespace
