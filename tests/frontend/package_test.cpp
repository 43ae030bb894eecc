// Packages of traced modules: the same bits after loading, the same bytes from the same model, one line for a bad file.
#include "Message.h"
#include "Shell.h"
#include "SmallNetwork.h"
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace nn = ember::nn;
namespace fs = std::filesystem;

namespace {

void write(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string loadingSays(const std::string &path) {
  return messageOf([&] { ember::jit::load(path); });
}

TEST(Package, GivesTheSameBitsAndTheSameGraph) {
  Folder folder("ember_package");
  nn::Sequential model = makeModel();
  ember::Tensor example = ember::randn({3, 1, 8, 8});
  ember::jit::TracedModule traced = ember::jit::trace(model, {example});
  ember::jit::save(traced, folder.file("model.ember"));
  ember::jit::TracedModule loaded = ember::jit::load(folder.file("model.ember"));
  EXPECT_EQ(loaded.graph(), traced.graph()) << "names, roles and flags are kept";
  EXPECT_EQ(loaded(example).to_vector<float>(), model(example).detach().to_vector<float>());
  // What was loaded does not change when the model does, nor when the file goes.
  fs::remove(folder.file("model.ember"));
  {
    ember::NoGradGuard noGrad;
    model->parameters()[0].fill_(0);
  }
  EXPECT_EQ(loaded(example).to_vector<float>(), traced(example).to_vector<float>());
}

TEST(Package, SameBytesAndARoundTripKeepsThem) {
  Folder folder("ember_package_bytes");
  ember::Tensor example = ember::randn({3, 1, 8, 8});
  ember::jit::trace(makeModel(), {example}).compile(folder.file("one.ember"));
  ember::jit::trace(makeModel(), {example}).save(folder.file("two.ember"));
  ember::jit::load(folder.file("one.ember")).save(folder.file("three.ember"));
  EXPECT_EQ(contents(folder.file("one.ember")), contents(folder.file("two.ember")));
  EXPECT_EQ(contents(folder.file("one.ember")), contents(folder.file("three.ember")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()), 3) << "no file aside stays";
}

TEST(Package, CompilesToAnArtifactLikeTheTrace) {
  Folder folder("ember_package_artifact");
  ember::jit::TracedModule traced = ember::jit::trace(makeModel(), {ember::randn({3, 1, 8, 8})});
  traced.save(folder.file("model.ember"));
  traced.compile(folder.file("a.o"), "model");
  ember::jit::load(folder.file("model.ember")).compile(folder.file("b.o"), "model");
  EXPECT_EQ(contents(folder.file("a.o")), contents(folder.file("b.o")));
}

TEST(Package, Refusals) {
  Folder folder("ember_package_refusals");
  std::string path = folder.file("model.ember");
  EXPECT_EQ(loadingSays(path), path + ": No such file or directory");
  EXPECT_EQ(loadingSays(folder.path.string()), folder.path.string() + ": not a regular file");
  std::string pipe = folder.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(loadingSays(pipe), pipe + ": not a regular file") << "and it does not wait";
  write(path, "short");
  EXPECT_EQ(loadingSays(path), path + ": truncated: the file has 5 bytes, expected a header of 80");
  write(path, std::string(200, 'x'));
  EXPECT_EQ(loadingSays(path), path + ": not an ember package (its first bytes are not \\x89EMB)");

  ember::jit::trace(nn::Linear(4, 2), {ember::randn({3, 4})}).save(path);
  std::string whole = contents(path);
  auto changed = [&](size_t at) {
    std::string bytes = whole;
    bytes[at] ^= 1;
    write(path, bytes);
    return loadingSays(path);
  };
  EXPECT_EQ(changed(8), path + ": the package has version 0, expected 1");
  EXPECT_NE(changed(60).find(path + ": header: the checksum is "), std::string::npos);
  EXPECT_NE(changed(100).find(path + ": graph section: the checksum is "), std::string::npos);
  EXPECT_NE(changed(4000).find(path + ": byte 4000 between the sections is not 0"), std::string::npos);
  EXPECT_NE(changed(4100).find(path + ": data section: the checksum is "), std::string::npos);
  write(path, whole.substr(0, whole.size() - 1));
  EXPECT_EQ(loadingSays(path), path + ": truncated: the file has " + std::to_string(whole.size() - 1) + " bytes, expected " +
                                   std::to_string(whole.size()));
  write(path, whole + "x");
  EXPECT_EQ(loadingSays(path), path + ": bytes after its end: the file has " + std::to_string(whole.size() + 1) +
                                   " bytes, expected " + std::to_string(whole.size()));
  EXPECT_THROW(ember::jit::trace(nn::Linear(4, 2), {ember::randn({3, 4})}).save("/nonexistent/model.ember"), ember::Error);
}

} // namespace
