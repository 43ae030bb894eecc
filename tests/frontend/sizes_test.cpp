// Recordings that differ by sizes alone: from the third on one program computes them all, with the bits of a program of their
// own.
#include <ember/ember.h>

#include <gtest/gtest.h>
#include <numeric>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

using Numbers = std::vector<float>;
using Sizes = std::vector<int64_t>;

int64_t compiled() { return ember::counters().programsCompiled; }

// Values of an element's number alone.
Tensor filled(const Sizes &sizes) {
  int64_t count = std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
  Numbers values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>((i * 37 % 101) / 50.0 - 1));
  return ember::tensor(values).reshape(ember::Shape(sizes));
}

struct Model {
  std::string name;
  int64_t programs;         // for all sizes, when those of the first two are compiled
  std::vector<Sizes> sizes; // what `run` gets, one after the other
  std::function<Numbers(const Sizes &)> run;
};

void PrintTo(const Model &model, std::ostream *out) { *out << model.name; }

nn::Sequential mlp() {
  ember::manual_seed(3);
  return nn::Sequential{nn::Linear(6, 9), nn::GELU(), nn::Linear(9, 4)};
}

// A step from the same weights for every size.
Numbers trainedOn(const Sizes &sizes) {
  nn::Sequential model = mlp();
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9});
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < sizes[0]; ++i)
    classes.push_back(i * 7 % 4);
  Tensor labels = ember::tensor(classes);
  Numbers losses;
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    Tensor loss = nn::CrossEntropyLoss()(model(filled({sizes[0], 6})), labels);
    loss.backward();
    optimizer.step();
    losses.push_back(loss.item<float>());
  }
  Numbers weights = model->parameters()[0].to_vector<float>();
  losses.insert(losses.end(), weights.begin(), weights.end());
  return losses;
}

Numbers attention(const Sizes &sizes) {
  int64_t batch = sizes[0], length = sizes[1];
  Tensor q = filled({batch, length, 8}), k = filled({batch, length, 8}) * 0.5, v = filled({batch, length, 8}) + 1;
  Tensor scores = nn::Softmax(-1)(q.matmul(k.transpose(1, 2)) / 8);
  return scores.matmul(v).reshape({batch * length, 8}).to_vector<float>();
}

Numbers convolved(const Sizes &sizes) {
  ember::manual_seed(5);
  nn::Sequential model{nn::Conv2d(3, 5, 3, {.padding = {1, 1}}), nn::BatchNorm2d(5), nn::ReLU(), nn::MaxPool2d(2), nn::Flatten()};
  return model(filled({sizes[0], 3, 8, 8})).to_vector<float>();
}

// Each turn reads what the ones before have appended.
Numbers appended(const Sizes &sizes) {
  Tensor past = filled({2, sizes[0], 4}), now = filled({2, 1, 4});
  Tensor all = ember::cat({past, now}, 1);
  return (all.exp().sum(1) + all.mean(1)).to_vector<float>();
}

// A convolution's size has a quotient in it, which no name stands for.
Numbers strided(const Sizes &sizes) {
  ember::manual_seed(7);
  nn::Conv2d model(2, 3, 3, {.stride = {2, 2}});
  return model(filled({1, 2, sizes[0], 9})).to_vector<float>();
}

Numbers longSums(const Sizes &sizes) { return filled({3, sizes[0]}).sum(1).to_vector<float>(); }

std::vector<Sizes> batches(const std::vector<int64_t> &sizes) {
  std::vector<Sizes> all;
  for (int64_t size : sizes)
    all.push_back({size});
  return all;
}

const Model kModels[] = {{"training", 9, batches({32, 20, 7, 33, 50, 1, 2, 64}), trainedOn},
                         {"attention", 4, {{2, 5}, {3, 7}, {4, 6}, {5, 5}, {2, 9}, {7, 3}, {1, 4}, {3, 1}}, attention},
                         {"convolution", 3, batches({4, 9, 2, 1, 16, 3}), convolved},
                         {"cache", 4, batches({4, 5, 6, 7, 8, 40, 1}), appended},
                         {"strided", 6, batches({9, 11, 12, 13, 20, 30}), strided},
                         {"sums", 3, batches({100, 70000, 3000, 5, 40000, 200000}), longSums}};

class SizesAsNames : public testing::TestWithParam<Model> {};

TEST_P(SizesAsNames, GiveTheBitsOfTheirOwnProgram) {
  const Model &model = GetParam();
  int64_t before = compiled();
  std::vector<Numbers> byName;
  for (const Sizes &sizes : model.sizes)
    byName.push_back(model.run(sizes));
  EXPECT_LE(compiled() - before, model.programs);
  // Sizes that come back often get a program of their own.
  for (size_t i = 0; i < model.sizes.size(); ++i) {
    for (int turn = 0; turn < 32; ++turn)
      model.run(model.sizes[i]);
    EXPECT_EQ(model.run(model.sizes[i]), byName[i]) << "size " << i;
  }
  if (model.programs <= 4) { // one program a turn
    EXPECT_EQ(compiled() - before, 1 + static_cast<int64_t>(model.sizes.size()));
  }
}
INSTANTIATE_TEST_SUITE_P(All, SizesAsNames, testing::ValuesIn(kModels), [](const auto &info) { return info.param.name; });

// No argument tells them: each has its own program.
TEST(SizesAsNames, OfResultsAloneAreNumbers) {
  auto spread = [](int64_t rows) { return (ember::tensor(2.0f) * ember::ones({rows, 3})).to_vector<float>(); };
  for (int64_t rows : {4, 5, 6, 7, 8, 9})
    EXPECT_EQ(spread(rows), Numbers(3 * rows, 2)) << rows;
}

// Sizes that were equal by chance, and then are not: what was learned of them is learned again.
TEST(SizesAsNames, LearnFromMoreRecordings) {
  auto run = [](int64_t rows, int64_t columns) {
    return (filled({rows, 3}).sum() * filled({columns, 3}).exp().sum()).item<float>();
  };
  int64_t before = compiled();
  for (int64_t size : {5, 6, 7, 8})
    run(size, size);
  EXPECT_EQ(compiled() - before, 3);
  for (int64_t size : {5, 6, 7})
    run(size, 9 - size);
  EXPECT_EQ(compiled() - before, 6); // the sixth recording says that the sizes are two
  for (int64_t size : {15, 26, 37})
    run(size, 90 - size);
  EXPECT_EQ(compiled() - before, 6);
}

} // namespace
