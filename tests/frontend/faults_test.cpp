// Indices that are out of range only when a program runs: the error names the operation's own line, and all is as before it.
#include <ember/ember.h>

#include "Message.h"
#include "Shell.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

using Values = std::vector<float>;

std::string here(unsigned line) { return "faults_test.cpp:" + std::to_string(line) + ":"; }

// An index that no look at memory could refuse: it is pending.
Tensor pending(std::initializer_list<int64_t> values) { return ember::tensor<int64_t>(values) + 3; }

// Two reads of tables of one size, in one program; `joined`: in one kernel.
class TwoReads : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Joined, TwoReads, testing::Bool());

TEST_P(TwoReads, TheSecondFails) {
  Tensor table = ember::arange(5).to(ember::kFloat32), other = table * 10;
  Tensor count = ember::zeros({2});
  Tensor good = pending({-3, 1}), bad = pending({0, 7});
  Tensor first = ember::index_select(table, 0, good);
  count.add_(first);
  unsigned line = __LINE__ + 1;
  Tensor second = ember::index_select(other, 0, bad);
  Tensor sum = GetParam() ? first + second : second * 2;
  count.add_(sum);
  std::string error = errorOf([] { ember::synchronize(); });
  EXPECT_NE(error.find(here(line)), std::string::npos) << error;
  EXPECT_NE(error.find("index 10 is out of bounds for a dimension with size 5"), std::string::npos) << error;
  EXPECT_EQ(count.to_vector<float>(), (Values{0, 4}));
  EXPECT_EQ(first.to_vector<float>(), (Values{0, 4}));
  EXPECT_NE(errorOf([&] { sum.to_vector<float>(); }).find("this tensor has no value"), std::string::npos);
}

TEST_P(TwoReads, TheFirstFails) {
  Tensor table = ember::arange(5).to(ember::kFloat32), other = table * 10;
  Tensor good = pending({-3, 1}), bad = pending({0, 7});
  unsigned line = __LINE__ + 1;
  Tensor first = ember::index_select(table, 0, bad);
  Tensor second = ember::index_select(other, 0, good);
  Tensor sum = GetParam() ? first + second : second * 2;
  std::string error = errorOf([] { ember::synchronize(); });
  EXPECT_NE(error.find(here(line)), std::string::npos) << error;
  EXPECT_EQ((ember::index_select(other, 0, good)).to_vector<float>(), (Values{0, 40}));
}

TEST_P(TwoReads, BothFail) {
  Tensor table = ember::arange(5).to(ember::kFloat32), other = table * 10;
  unsigned line = __LINE__ + 1;
  Tensor first = ember::index_select(table, 0, pending({0, 7}));
  Tensor second = ember::index_select(other, 0, pending({0, 9}));
  Tensor sum = GetParam() ? first + second : second * 2;
  std::string error = errorOf([] { ember::synchronize(); });
  EXPECT_NE(error.find(here(line)), std::string::npos) << error;
  ember::synchronize(); // undone from the first one on: nothing is left to fail
}

// The same program from another line has been compiled already: the error names the line that was run.
TEST(Faults, NameTheirOwnLineThoughTheProgramIsKnown) {
  Tensor table = ember::arange(5).to(ember::kFloat32);
  auto run = [&](int64_t index, ember::Here where) {
    return errorOf([&] { ember::index_select(table, 0, pending({index, 0}), where).to_vector<float>(); });
  };
  ember::synchronize();
  EXPECT_EQ(run(0, ember::Here::current()), "no error");
  int64_t compiled = ember::counters().programsCompiled;
  unsigned line = __LINE__ + 1;
  std::string error = run(4, ember::Here::current());
  EXPECT_NE(error.find(here(line)), std::string::npos) << error;
  EXPECT_EQ(ember::counters().programsCompiled, compiled);
}

// Of many bad indices the text names one, the same however many threads meet them.
TEST(Faults, DoNotDependOnTheThreads) {
  Tensor table = ember::arange(5).to(ember::kFloat32), indices = ember::arange(300000) * 7 - 1000;
  std::string first;
  int before = ember::get_num_threads();
  for (int threads : {1, 2, 3, 7}) {
    ember::set_num_threads(threads);
    std::string error = errorOf([&] { (ember::index_select(table, 0, indices + 1) * 2).to_vector<float>(); });
    EXPECT_NE(error.find("index -5 is out of bounds for a dimension with size 5"), std::string::npos) << error;
    error = error.substr(error.find("index"));
    EXPECT_EQ(first.empty() ? error : first, error);
    first = error;
  }
  ember::set_num_threads(before);
}

TEST(Faults, GradientsAreAsBefore) {
  Tensor x = ember::ones({4}).requires_grad_();
  (x * 3).sum().backward();
  ember::synchronize();
  std::string error = errorOf([&] {
    ember::index_select(x * 2, 0, pending({0, 1})).sum().backward(); // 3 and 4
    ember::synchronize();
  });
  EXPECT_NE(error.find("index 4 is out of bounds for a dimension with size 4"), std::string::npos) << error;
  EXPECT_EQ(x.grad().to_vector<float>(), Values(4, 3));
  ember::index_select(x * 2, 0, pending({0, 0})).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (Values{3, 3, 3, 7}));
}

// A training run in which some steps have a bad label is, bit for bit, the run without those steps.
template <typename MakeOptimizer> Values train(MakeOptimizer makeOptimizer, const std::vector<int> &badSteps) {
  ember::manual_seed(0);
  nn::Sequential model(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3));
  auto optimizer = makeOptimizer(model->parameters());
  Tensor inputs = ember::randn({6, 4}), labels = ember::randint(0, 3, {6});
  auto parameters = [&] {
    Values all;
    for (const Tensor &parameter : model->parameters())
      for (float value : parameter.detach().to_vector<float>())
        all.push_back(value);
    return all;
  };
  for (int i = 0; i < 5; ++i) {
    auto step = [&](const Tensor &own) {
      Tensor loss = nn::CrossEntropyLoss()(model(inputs), own + 0); // pending
      optimizer->zero_grad();
      loss.backward();
      optimizer->step();
      ember::synchronize();
    };
    if (std::find(badSteps.begin(), badSteps.end(), i) != badSteps.end()) {
      Values before = i ? parameters() : Values();
      std::string error = errorOf([&] { step(labels * 9 - 5); });
      EXPECT_NE(error.find("is out of bounds for a dimension with size 3"), std::string::npos) << error;
      if (i) {
        EXPECT_EQ(parameters(), before) << "step " << i;
      }
    }
    step(labels);
  }
  for (const auto &[number, state] : optimizer->state_dict().state)
    if (auto count = state.find("step"); count != state.end()) {
      EXPECT_EQ(count->second.template item<float>(), 5) << number;
    }
  return parameters();
}

TEST(Faults, FailedStepsHaveNotBeenTaken) {
  auto sgd = [](std::vector<Tensor> parameters) {
    return std::make_unique<optim::SGD>(std::move(parameters), optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
  };
  auto adam = [](std::vector<Tensor> parameters) {
    return std::make_unique<optim::AdamW>(std::move(parameters), optim::AdamWOptions{.lr = 0.05});
  };
  EXPECT_EQ(train(sgd, {0, 2, 3}), train(sgd, {}));
  EXPECT_EQ(train(adam, {0, 2, 3}), train(adam, {}));
}

// A trace keeps the places it was recorded at, without folders.
TEST(Faults, TracesNameThePlaceTheyWereRecordedAt) {
  Tensor table = ember::arange(5).to(ember::kFloat32);
  unsigned line = 0;
  auto function = [&](const std::vector<Tensor> &inputs) {
    line = __LINE__ + 1;
    return ember::index_select(table, 0, inputs[0]) * 2;
  };
  auto traced = ember::jit::trace(function, {ember::tensor<int64_t>({1, 2})});
  std::string error = errorOf([&] { traced.run({ember::tensor<int64_t>({1, 6})}); });
  EXPECT_NE(error.find("error: " + here(line)), std::string::npos) << error;
  EXPECT_NE(error.find(": take: index 6 is out of bounds for a dimension with size 5"), std::string::npos) << error;
}

// An artifact's text does not depend on the folder that its source was compiled in, and so its bytes do not.
TEST(Faults, ArtifactsNamePlacesWithoutFolders) {
  Tensor table = ember::arange(5).to(ember::kFloat32);
  unsigned line = 0;
  auto function = [&](const std::vector<Tensor> &inputs) {
    line = __LINE__ + 1;
    return ember::index_select(table, 0, inputs[0]) * 2;
  };
  Folder folder("ember_faults");
  ember::jit::trace(function, {ember::tensor<int64_t>({1, 2})}).compile(folder.file("taken.o"));
  std::string bytes = contents(folder.file("taken.o")), source = __FILE__;
  EXPECT_NE(bytes.find('\0' + here(line)), std::string::npos);
  EXPECT_EQ(bytes.find(source.substr(0, source.rfind('/') + 1) + "faults_test.cpp"), std::string::npos);
}

} // namespace
