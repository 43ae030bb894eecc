// Artifacts with named sizes: a C program runs them at any size, to the bits of this process, and gets one line for a mistake.
#include <ember/ember.h>

#include "Shell.h"
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace F = ember::functional;
using ember::Tensor;
using ember::jit::Dim;
using ember::jit::TracedModule;

namespace {

// x f32[2*B, 5] and y f32[B, 5] to f32[B, 7], with tensors between kernels whose memory depends on B.
TracedModule makeTraced() {
  ember::manual_seed(0);
  Tensor first = ember::randn({64, 5}), second = ember::randn({7, 64});
  auto function = [&](const std::vector<Tensor> &x) {
    Tensor pairs = x[0].reshape({-1, 2, 5}).sum({1}) + x[1];
    return F::softmax(F::linear(F::linear(pairs, first).relu(), second), 1);
  };
  return ember::jit::trace(function, {ember::randn({6, 5}), ember::randn({3, 5})},
                           {.dims = {{{0, "2*B"}}, {{0, Dim("B", 1, 4096)}}}});
}

std::string bytesOf(const Tensor &tensor) {
  std::vector<float> values = tensor.to_vector<float>();
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)};
}

class NamedArtifact : public testing::Test {
protected:
  static constexpr int64_t kMost = 4096;

  static void SetUpTestSuite() {
    folder = new Folder("ember_named");
    traced = new TracedModule(makeTraced());
    traced->compile(folder->file("libnamed.so"), "named");
    std::string path = folder->path.string();
    Outcome built =
        shell("cc -std=c99 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 " EMBER_TESTS_DIR "/frontend/named_sizes.c -I" + path + " -L" +
              path + " -l:libnamed.so -lpthread -Wl,-rpath," + path + " -o " + folder->file("named_sizes"));
    EXPECT_EQ(built.status, 0) << built.text;
    x = ember::randn({2 * kMost, 5});
    y = ember::randn({kMost, 5});
    std::ofstream(folder->file("x"), std::ios::binary) << bytesOf(x);
    std::ofstream(folder->file("y"), std::ios::binary) << bytesOf(y);
  }
  static void TearDownTestSuite() {
    delete traced;
    delete folder;
    x = y = Tensor();
  }

  static std::vector<Tensor> inputsOf(int64_t b) { return {x.narrow(0, 0, 2 * b).contiguous(), y.narrow(0, 0, b).contiguous()}; }
  static std::string program(const std::string &mode) { return folder->file("named_sizes") + " " + mode; }
  static std::string withInputs(const std::string &mode) {
    return program(mode) + " " + folder->file("x") + " " + folder->file("y");
  }

  static Folder *folder;
  static TracedModule *traced;
  static Tensor x, y;
};
Folder *NamedArtifact::folder;
TracedModule *NamedArtifact::traced;
Tensor NamedArtifact::x, NamedArtifact::y;

TEST_F(NamedArtifact, AnySizeGivesTheBitsOfThisProcess) {
  std::string expected, sizes;
  for (int64_t b : {3, 1, 2, 8, 17, 3, 300, 4096, 5}) {
    expected += bytesOf(traced->run(inputsOf(b))[0]);
    sizes += " " + std::to_string(b);
  }
  std::string command = withInputs("run") + sizes;
  EXPECT_TRUE(shell(command).text == expected) << shell(command + " | head -c 300").text;
  EXPECT_TRUE(shell("EMBER_LEVEL=x86-64-v3 " + command).text == expected) << "AVX2";
}

TEST_F(NamedArtifact, ThreadsAtDifferentSizes) { EXPECT_EQ(shell(withInputs("threads")).text, "0 failures\n"); }

TEST_F(NamedArtifact, MemoryThatRunsOut) {
  EXPECT_EQ(shell(program("memory")).text, "0 good\n-4 named: out of memory with B = 4096\n0 good\n0 good\n");
}

TEST_F(NamedArtifact, Mistakes) {
  const char *const expected[] = {
      "-1 named: input 1 'input1' is f32[4, 5], expected f32[B, 5]: dimension 0 is 4, expected B = 3",
      "-1 named: input 0 'input0' is f32[7, 5], expected f32[2*B, 5]: dimension 0 is 7, expected 2*B = 6",
      "-1 named: input 0 'input0' is f32[7, 5], expected f32[2*B, 5]: dimension 0 is 7, expected 2*B = 14",
      "-1 named: input 0 'input0' is f32[6, 4], expected f32[2*B, 5]: dimension 1 is 4, expected 5",
      "-1 named: the size B is 0, expected at least 1",
      "-1 named: the size B is 4097, expected at most 4096",
      "-1 named: input 0 'input0' is f32[-2, 5], expected f32[2*B, 5]: dimension 0 is -2, expected 2*B",
      "-1 named: input 0 'input0' is f32[9223372036854775807, 5], expected f32[2*B, 5]: dimension 0 is 9223372036854775807, "
      "expected 2*B = 6",
      "-1 named: input 0 'input0' is f32[9223372036854775806, 5], expected no more bytes than memory has",
      "-1 named: input 0 'input0' is f32[-9223372036854775808, 5], expected f32[2*B, 5]: dimension 0 is -9223372036854775808, "
      "expected 2*B",
      "-1 named: input 1 'input1' is f32[3, 9223372036854775807], expected f32[B, 5]: dimension 1 is 9223372036854775807, "
      "expected 5",
      "-1 named: input 0 'input0': the data pointer is NULL, expected f32[2*B, 5]",
      "-1 named: input 0 'input0' is f64[6, 5], expected f32[2*B, 5]",
      "-1 named: input 0 'input0' is f32[6], expected f32[2*B, 5]",
      "-1 named: input 1 'input1' is f32[], expected f32[B, 5]",
      "-1 named: output 0 'output0' is f32[4, 7], expected f32[3, 7] = f32[B, 7]",
      "-1 named: output 0 'output0': the data pointer is NULL, expected f32[B, 7]",
      "-1 named: expected 2 inputs and 1 outputs, found 1 and 1",
      "-1 named: output 1 was asked for, there are 1",
      "-1 named: the pointer to the dims of output 0 is NULL",
      "-1 named: expected 2 inputs, found 0",
      "0 good",
      "-1 named: input 1 'input1': the data pointer is NULL, expected f32[B, 5]",
      "-1 named: input 0 'input0' is f32[-6, 5], expected f32[2*B, 5]: dimension 0 is -6, expected 2*B",
      "-1 named: input 0 'input0' is f32[-2, 5], expected f32[2*B, 5]: dimension 0 is -2, expected 2*B",
      "-1 named: expected 2 inputs and 1 outputs, found 0 and 0",
      "-1 the model is NULL",
      "0 good",
  };
  std::istringstream found(shell(program("mistakes")).text);
  std::string line;
  for (const char *text : expected) {
    std::getline(found, line);
    EXPECT_EQ(line, text);
  }
  EXPECT_FALSE(std::getline(found, line)) << line;
}

TEST_F(NamedArtifact, LibraryIsSmallAndNeedsTheCLibraryAlone) {
  EXPECT_LT(std::filesystem::file_size(folder->file("libnamed.so")), 1u << 20);
  EXPECT_EQ(librariesBeside(folder->file("libnamed.so")), "");
}

} // namespace
