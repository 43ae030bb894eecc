// The programs of frontend/examples print what their Python twins print (tests/golden/make_examples.py).
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {

std::string outputOf(const std::string &command) {
  std::string text;
  char part[512];
  FILE *pipe = popen(command.c_str(), "r");
  while (size_t count = fread(part, 1, sizeof part, pipe))
    text.append(part, count);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return text;
}

// What ember's errors say more than PyTorch's: the user's line.
std::string withoutPlaces(const std::string &text) {
  return std::regex_replace(text, std::regex("[^\n]*frontend/examples/[a-z_]+\\.cpp:[0-9]+:[0-9]+: error: "), "");
}

class Examples : public testing::TestWithParam<const char *> {};

TEST_P(Examples, PrintWhatPyTorchPrints) {
  std::ifstream file(std::string(EMBER_TESTS_DIR "/golden/examples/") + GetParam() + ".txt");
  std::ostringstream golden;
  golden << file.rdbuf();
  ASSERT_FALSE(golden.str().empty());
  fs::path written = fs::temp_directory_path() / ("ember_example_" + std::string(GetParam()) + std::to_string(getpid()));
  EXPECT_EQ(withoutPlaces(outputOf(EMBER_BIN_DIR "/example_" + std::string(GetParam()) + " " + written.string())), golden.str());
  fs::remove(written);
}

INSTANTIATE_TEST_SUITE_P(All, Examples,
                         testing::Values("accumulated_gradients", "autograd", "checkpoint", "data_loader", "module_state",
                                         "reading_values", "tensor_creation", "trace", "training_loop"),
                         [](const auto &info) { return std::string(info.param); });

// The main job: trained with seed 0, what the executable gives for the test images is right for 97 % of them.
TEST(DigitsExample, ReachesItsAccuracy) {
  fs::path folder = fs::temp_directory_path() / ("ember_example_digits" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::string at = folder.string() + "/", bin = EMBER_BIN_DIR "/";
  outputOf("EMBER_NUM_THREADS=1 " + bin + "example_digits " EMBER_TESTS_DIR "/data/digits.npy " + folder.string());
  outputOf(at + "digits " + at + "test_images.npy -o " + at + "logits.npy");
  std::string accuracy = outputOf(bin + "example_npy_accuracy " + at + "logits.npy " + at + "test_labels.npy");
  EXPECT_GE(std::atof(accuracy.c_str()), 97) << accuracy;
  fs::remove_all(folder);
}

} // namespace
