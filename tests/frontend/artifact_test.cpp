// Tracing and native artifacts: the same bits as in process, the same bytes anywhere, one line for a mistake.
#include <ember/ember.h>

#include "CTensor.h"
#include "Shell.h"
#include "SmallNetwork.h"
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace fs = std::filesystem;

namespace {

TEST(Trace, EqualsTheRecordedResult) {
  nn::Sequential model = makeModel();
  ember::Tensor example = ember::randn({3, 1, 8, 8});
  ember::jit::TracedModule traced = ember::jit::trace(model, {example});
  EXPECT_EQ(traced(example).to_vector<float>(), model(example).detach().to_vector<float>());
  ember::Tensor other = ember::randn({3, 1, 8, 8});
  EXPECT_EQ(traced(other).to_vector<float>(), model(other).detach().to_vector<float>());
  try {
    traced(ember::randn({2, 1, 8, 8}));
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    EXPECT_EQ(error.message(), "traced module: input 0 is torch.float32[2, 1, 8, 8], expected torch.float32[3, 1, 8, 8]");
  }
}

TEST(Trace, ArgumentsKeepNamesRolesAndFlags) {
  nn::Sequential model = makeModel();
  model->named_children()[5].second->requires_grad_(false);
  ember::Tensor offset = ember::ones({3, 1, 8, 8});
  std::string text = ember::jit::trace(model, {ember::randn({3, 1, 8, 8})}).graph();
  for (const char *argument :
       {"{ember.name = \"input0\", ember.role = \"input\"}",
        "{ember.name = \"0.weight\", ember.role = \"parameter\", ember.trainable}",
        "{ember.name = \"1.running_mean\", ember.role = \"buffer\"}", "{ember.name = \"5.weight\", ember.role = \"parameter\"}",
        "(tensor<3x10xf32> {ember.name = \"output0\"})"})
    EXPECT_NE(text.find(argument), std::string::npos) << argument << " in\n" << text;
  auto shifted = [&](const std::vector<ember::Tensor> &inputs) { return inputs[0] + offset; };
  text = ember::jit::trace(shifted, {ember::randn({3, 1, 8, 8})}).graph();
  EXPECT_NE(text.find("{ember.name = \"constant0\", ember.role = \"constant\"}"), std::string::npos) << text;
}

TEST(Artifact, ExecutableGivesTheSameBits) {
  Folder folder("ember_executable");
  nn::Sequential model = makeModel();
  ember::Tensor example = ember::randn({3, 1, 8, 8});
  ember::jit::trace(model, {example}).compile(folder.file("model"));
  ember::save_npy(folder.file("in.npy"), example);
  Outcome run = shell(folder.file("model") + " " + folder.file("in.npy") + " -o " + folder.file("out.npy"));
  EXPECT_EQ(run.status, 0) << run.text;
  EXPECT_EQ(ember::load_npy(folder.file("out.npy")).to_vector<float>(), model(example).detach().to_vector<float>());
  std::string narrow = folder.file("narrow.npy");
  shell("EMBER_LEVEL=x86-64-v3 " + folder.file("model") + " --threads 3 " + folder.file("in.npy") + " -o " + narrow);
  EXPECT_EQ(contents(narrow), contents(folder.file("out.npy"))) << "AVX2 on three threads gives other bits";
}

// A function of several outputs, of named sizes, which also draws: the state comes after them.
TEST(Trace, GivesSeveralOutputs) {
  Folder folder("ember_outputs");
  using Tensors = std::vector<ember::Tensor>;
  ember::Tensor scale = ember::full({4}, 2);
  auto function = [&](const Tensors &in) -> Tensors {
    ember::Tensor sum = in[0] * scale + in[1];
    return {sum, sum.argmax(1), sum + ember::rand({4}), in[0].t()};
  };
  Tensors example{ember::randn({3, 4}), ember::randn({3, 4})}, other{ember::randn({5, 4}), ember::randn({5, 4})};
  ember::jit::TracedModule traced = ember::jit::trace(function, example, {.dims = {{{0, "B"}}, {{0, "B"}}}});
  auto valuesOf = [](const Tensors &tensors) {
    std::vector<std::vector<double>> values;
    for (const ember::Tensor &own : tensors)
      values.push_back(own.to_vector<double>());
    return values;
  };
  ember::manual_seed(5);
  std::vector<std::vector<double>> expected = valuesOf(function(other));
  ember::manual_seed(5);
  EXPECT_EQ(valuesOf(traced.run(other)), expected);
  traced.save(folder.file("model.ember"));
  ember::manual_seed(5);
  EXPECT_EQ(valuesOf(ember::jit::load(folder.file("model.ember")).run(other)), expected);
  auto pair = [&](const Tensors &in) -> Tensors { return {in[0] + in[1], (in[0] - in[1]).sum(1)}; };
  ember::jit::trace(pair, example).compile(folder.file("pair"));
  ember::save_npy(folder.file("a.npy"), example[0]);
  ember::save_npy(folder.file("b.npy"), example[1]);
  Outcome run = shell("cd " + folder.path.string() + " && ./pair a.npy b.npy -o sum.npy -o rows.npy");
  EXPECT_EQ(run.status, 0) << run.text;
  EXPECT_EQ(valuesOf({ember::load_npy(folder.file("sum.npy")), ember::load_npy(folder.file("rows.npy"))}),
            valuesOf(pair(example)));
  try {
    ember::jit::trace([](const Tensors &) { return Tensors(); }, example);
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    EXPECT_EQ(error.message(), "trace: the function gives no tensor, expected one or more");
  }
}

// A model with few weights: what is left is code and the runtime.
TEST(Artifact, IsSmallAndNeedsTheCLibraryAlone) {
  Folder folder("ember_small");
  ember::jit::TracedModule traced = ember::jit::trace(makeModel(), {ember::randn({3, 1, 8, 8})});
  for (const char *name : {"model", "libmodel.so"}) {
    traced.compile(folder.file(name), "model");
    EXPECT_EQ(librariesBeside(folder.file(name)), "") << name;
    EXPECT_LT(fs::file_size(folder.file(name)), 1u << 20) << name;
  }
}

TEST(Artifact, SameBytesInAnyFolder) {
  Folder one("ember_one"), two("ember_two");
  for (const Folder *folder : {&one, &two}) {
    nn::Sequential model = makeModel();
    ember::Tensor example = ember::randn({3, 1, 8, 8});
    ember::jit::trace(model, {example}).compile(folder->file("model.o"));
    ember::jit::trace(model, {example}).compile(folder->file("libmodel.so"), "model");
  }
  EXPECT_EQ(contents(one.file("model.o")), contents(two.file("model.o")));
  EXPECT_EQ(contents(one.file("libmodel.so")), contents(two.file("libmodel.so")));
  std::string clone = fs::path(EMBER_TESTS_DIR).parent_path().string(); // another clone gives the same bytes, too
  EXPECT_EQ(contents(one.file("libmodel.so")).find(clone), std::string::npos);
  EXPECT_EQ(contents(one.file("model.o")).find(clone), std::string::npos);
}

// An object holds no runtime, so that several models share one.
TEST(Artifact, ObjectsLinkWithTheRuntime) {
  Folder folder("ember_objects");
  for (const char *name : {"one", "two"})
    ember::jit::trace(nn::Linear(4, 2), {ember::randn({3, 4})}).compile(folder.file((std::string(name) + ".o").c_str()));
  std::ofstream(folder.file("main.c")) << R"(#include "one.h"
#include "two.h"
int main(void) {
  static float in[12], out[6];
  one_run_inputs first = {in};
  one_run_outputs first_out = {out};
  two_run_inputs second = {in};
  two_run_outputs second_out = {out};
  return one_run_typed(one_create(1), &first, &first_out) || two_run_typed(two_create(1), &second, &second_out);
})";
  Outcome run = shell("cd " + folder.path.string() +
                      " && cc -std=c99 -Wall -Werror main.c one.o two.o " EMBER_BIN_DIR
                      "/../lib/libember_rt_artifact.a -lm -lpthread -o main && ./main");
  EXPECT_EQ(run.status, 0) << run.text;
  EXPECT_NE(contents(folder.file("one.h")).find("an object (.o) with libember_rt.a"), std::string::npos);
}

TEST(Artifact, ExecutableRefusals) {
  Folder folder("ember_refusals");
  nn::Linear model(4, 2);
  ember::jit::trace(model, {ember::randn({3, 4})}).compile(folder.file("model"));
  std::string program = folder.file("model");
  ember::save_npy(folder.file("wrong.npy"), ember::randn({3, 5}));
  ember::save_npy(folder.file("right.npy"), ember::randn({3, 4}));
  std::ofstream(folder.file("text.npy")) << "not an array";
  std::string whole = contents(folder.file("right.npy"));
  std::ofstream(folder.file("short.npy"), std::ios::binary) << whole.substr(0, whole.size() - 4);
  struct Row {
    std::string arguments, text;
  };
  const Row rows[] = {
      {folder.file("wrong.npy"), "model: input 0 'input0' is f32[3, 5], expected f32[3, 4]\n"},
      {folder.file("none.npy"), "model: " + folder.file("none.npy") + ": No such file or directory\n"},
      {"''", "model: '': No such file or directory\n"},
      {folder.file("right.npy") + " -o ''", "model: '': No such file or directory\n"},
      {folder.file("text.npy"),
       "model: " + folder.file("text.npy") + ": not an .npy file (its first bytes are not \\x93NUMPY)\n"},
      {folder.file("short.npy"),
       "model: " + folder.file("short.npy") + ": expected 48 bytes of data for its shape and dtype, found 44\n"},
      {"--unknown", "model: unknown option '--unknown', expected -o, --repeat, --threads or --help\n"},
      {"", "model: expected 1 input files, found 0 (--help shows the signature)\n"},
      {folder.file("right.npy") + " --threads", "model: --threads: expected a value after it\n"},
      {folder.file("right.npy") + " --threads 1025", "model: --threads: expected a whole number from 1 to 1024, found '1025'\n"},
      {folder.file("right.npy") + " --repeat -1", "model: --repeat: expected a whole number from 1 to 1000000000, found '-1'\n"},
      {folder.file("right.npy") + " --repeat 99999999999999999999",
       "model: --repeat: expected a whole number from 1 to 1000000000, found '99999999999999999999'\n"},
      {"--help > /dev/full", "model: standard output: cannot be written\n"},
      {"--repeat zero " + folder.file("right.npy"),
       "model: --repeat: expected a whole number from 1 to 1000000000, found 'zero'\n"},
      {folder.file("right.npy") + " -o " + folder.file("nowhere/out.npy"),
       "model: " + folder.file("nowhere/out.npy") + ": No such file or directory\n"},
  };
  for (const Row &row : rows) {
    Outcome outcome = shell(program + " " + row.arguments);
    EXPECT_EQ(outcome.text, row.text);
    EXPECT_EQ(outcome.status, 1);
  }
  EXPECT_EQ(shell("(ulimit -f 0; " + program + " " + folder.file("right.npy") + " -o " + folder.file("limit.npy") + ")").text,
            "model: " + folder.file("limit.npy") + ": File too large\n");
  EXPECT_FALSE(std::filesystem::exists(folder.file("limit.npy")));
  EXPECT_EQ(shell(program + " " + folder.file("right.npy") + " --help").text, shell(program + " --help").text);
  EXPECT_NE(shell(program + " --help").text.find("input 0  input0: f32[3, 4]"), std::string::npos);
}

TEST(Artifact, CompileRefusals) {
  Folder folder("ember_compile");
  nn::Linear model(4, 2);
  ember::jit::TracedModule traced = ember::jit::trace(model, {ember::randn({3, 4})});
  auto messageOf = [&](const std::string &path, const std::string &name) -> std::string {
    try {
      traced.compile(path, name);
    } catch (const ember::Error &error) {
      return error.message();
    }
    return "no error";
  };
  EXPECT_EQ(messageOf(folder.file("model.exe"), ""),
            folder.file("model.exe") + ": unknown ending '.exe', expected .so, .a, .o, .ember or none");
  EXPECT_EQ(messageOf(folder.file("model.o"), "my model"),
            "artifact: the name is 'my model', expected a C identifier of at most 200 characters");
  EXPECT_NE(messageOf("/nonexistent/model.o", "model").find("No such file or directory"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder.path)) << "nothing half-written stays";
}

TEST(Artifact, SharedLibraryChecksWhatItIsGiven) {
  Folder folder("ember_library");
  nn::Linear model(4, 2);
  ember::Tensor example = ember::randn({3, 4});
  ember::jit::trace(model, {example}).compile(folder.file("libm1.so"), "m1");
  void *library = dlopen(folder.file("libm1.so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  auto create = reinterpret_cast<void *(*)(uint32_t)>(dlsym(library, "m1_create"));
  auto run = reinterpret_cast<int (*)(void *, const CTensor *, uint32_t, CTensor *, uint32_t)>(dlsym(library, "m1_run"));
  auto errorOf = reinterpret_cast<const char *(*)(void *)>(dlsym(library, "m1_error"));
  auto destroy = reinterpret_cast<void (*)(void *)>(dlsym(library, "m1_destroy"));
  void *handle = create(2);
  ASSERT_NE(handle, nullptr);
  int64_t inDims[] = {3, 4}, outDims[] = {3, 2}, wrongDims[] = {4, 3};
  std::vector<float> in = example.to_vector<float>(), out(6);
  CTensor input{1, 2, inDims, in.data()}, output{1, 2, outDims, out.data()};
  EXPECT_EQ(run(handle, &input, 1, &output, 1), 0);
  EXPECT_EQ(out, model(example).detach().to_vector<float>());
  CTensor wrong{1, 2, wrongDims, in.data()}, null{1, 2, inDims, nullptr}, doubles{0, 2, inDims, in.data()};
  EXPECT_EQ(run(handle, &wrong, 1, &output, 1), -1);
  EXPECT_STREQ(errorOf(handle), "m1: input 0 'input0' is f32[4, 3], expected f32[3, 4]");
  EXPECT_EQ(run(handle, &null, 1, &output, 1), -1);
  EXPECT_STREQ(errorOf(handle), "m1: input 0 'input0': the data pointer is NULL, expected f32[3, 4]");
  EXPECT_EQ(run(handle, &doubles, 1, &output, 1), -1);
  EXPECT_STREQ(errorOf(handle), "m1: input 0 'input0' is f64[3, 4], expected f32[3, 4]");
  EXPECT_EQ(run(handle, nullptr, 0, &output, 1), -1);
  EXPECT_STREQ(errorOf(handle), "m1: expected 1 inputs and 1 outputs, found 0 and 1");
  EXPECT_EQ(run(nullptr, &input, 1, &output, 1), -1);
  destroy(handle);
  dlclose(library);
}

} // namespace
