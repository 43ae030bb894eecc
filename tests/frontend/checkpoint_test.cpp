// Checkpoints: training goes on as if nothing had happened; damaged files give one line.
#include "Message.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace nn = ember::nn;
namespace fs = std::filesystem;

namespace {

class Checkpoints : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("ember_checkpoint" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string file(const char *name) const { return (folder / name).string(); }
  fs::path folder;
};

struct Training {
  nn::Linear first{4, 8}, second{8, 1};
  nn::Sequential net{first, nn::Tanh(), nn::Dropout(0.3), second};
  ember::optim::AdamW optimizer{net->parameters(), {.lr = 0.01}};
  float step() {
    ember::Tensor x = ember::randn({16, 4});
    optimizer.zero_grad();
    ember::Tensor loss = nn::MSELoss()(net(x), x.sum({1}, true));
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  }
};

TEST_F(Checkpoints, TheNextLossesAreThoseOfTheUninterruptedRun) {
  ember::Generator generator = ember::manual_seed(0);
  Training training;
  for (int i = 0; i < 3; ++i)
    training.step();
  ember::save({training.net.ptr().get(), &training.optimizer, &generator}, file("state"));
  std::vector<float> expected, found;
  for (int i = 0; i < 10; ++i)
    expected.push_back(training.step());
  ember::manual_seed(99);
  Training other;
  ember::load({other.net.ptr().get(), &other.optimizer, &generator}, file("state"));
  for (int i = 0; i < 10; ++i)
    found.push_back(other.step());
  EXPECT_EQ(expected, found);
}

TEST_F(Checkpoints, TruncatedAtEveryByteIsRefusedAndChangesNothing) {
  nn::Linear model(2, 2);
  ember::save({model.ptr().get()}, file("whole"));
  std::ostringstream text;
  text << std::ifstream(file("whole"), std::ios::binary).rdbuf();
  std::string whole = text.str();
  nn::Linear target(2, 2);
  std::vector<float> before = target->weight.detach().to_vector<float>();
  for (size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(file("part"), std::ios::binary) << whole.substr(0, length);
    EXPECT_THROW(ember::load({target.ptr().get()}, file("part")), ember::Error) << length;
  }
  EXPECT_EQ(before, target->weight.detach().to_vector<float>());
}

TEST_F(Checkpoints, FlippedBytesNeverCrash) {
  nn::Linear model(2, 2);
  ember::save({model.ptr().get()}, file("whole"));
  std::ostringstream text;
  text << std::ifstream(file("whole"), std::ios::binary).rdbuf();
  std::string whole = text.str();
  for (size_t place = 0; place < whole.size(); ++place) {
    std::string changed = whole;
    changed[place] = static_cast<char>(changed[place] ^ 0x55);
    std::ofstream(file("part"), std::ios::binary) << changed;
    nn::Linear target(2, 2);
    messageOf([&] { ember::load({target.ptr().get()}, file("part")); }); // an error, or other numbers
  }
}

TEST_F(Checkpoints, Texts) {
  nn::Linear model(2, 2), other(3, 2);
  ember::save({model.ptr().get()}, file("whole"));
  EXPECT_EQ(messageOf([&] { ember::load({model.ptr().get()}, file("none")); }), file("none") + ": No such file or directory");
  EXPECT_EQ(messageOf([&] { ember::save({model.ptr().get()}, file("no/where")); }),
            file("no/where") + ": No such file or directory");
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  EXPECT_EQ(messageOf([&] { ember::load({model.ptr().get(), &optimizer}, file("whole")); }),
            file("whole") + ": it holds no optimizer");
  EXPECT_EQ(messageOf([&] { ember::load({other.ptr().get()}, file("whole")); }),
            file("whole") + ": Error(s) in loading state_dict for Linear: size mismatch for weight: copying a param with shape "
                            "torch.Size([2, 2]) from checkpoint, the shape in current model is torch.Size([2, 3]).");
  ember::Generator generator;
  EXPECT_EQ(messageOf([&] { ember::load({.generator = &generator}, file("whole")); }),
            file("whole") + ": generator state: expected 5056 bytes, found 0");
  unsigned line = __LINE__ + 1;
  std::string placed = errorOf([&] { ember::load({other.ptr().get()}, file("none")); });
  EXPECT_NE(placed.find("checkpoint_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << placed;
  std::ofstream(file("text")) << "this is not a checkpoint at all";
  EXPECT_EQ(messageOf([&] { ember::load({model.ptr().get()}, file("text")); }),
            file("text") + ": the header's length does not fit the file (not a checkpoint, or truncated)");
  auto withHeader = [&](const std::string &header, const std::string &data) {
    uint64_t length = header.size();
    std::ofstream out(file("made"), std::ios::binary);
    out.write(reinterpret_cast<const char *>(&length), 8);
    out << header << data;
  };
  struct Row {
    std::string header, data, text;
  };
  const Row rows[] = {
      {"[]", "", "the header is no JSON object"},
      {"{", "", "the header is no JSON object"},
      {std::string(100, '['), "", "the header is no JSON object"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234",
       "tensor 'a': its offsets do not fit its shape and the file"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", "1234",
       "tensor 'a': a size is out of range"},
      {R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", "1234", "tensor 'a': unknown dtype 'F31'"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12345678", "there are 4 bytes that belong to no tensor"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234",
       "tensor 'b': its data overlaps another's or leaves a hole"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234", "tensor 'a': a size is out of range"},
  };
  for (const Row &row : rows) {
    withHeader(row.header, row.data);
    EXPECT_EQ(messageOf([&] { ember::load({model.ptr().get()}, file("made")); }), file("made") + ": " + row.text);
  }
}

} // namespace
