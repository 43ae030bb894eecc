// The folder of compiled kernels: hits, damage, limits, several processes, and folders that cannot be used.
#include "codegen/Compiler.h"
#include "codegen/cache/BuildId.h"
#include "codegen/cache/FileCache.h"
#include "codegen/cpu/KernelCache.h"
#include "codegen/cpu/KernelRecord.h"
#include "mlir/Parser/Parser.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using ember::cache::FileCache;

namespace {

// An own folder, and EMBER_CACHE_DIR set to it.
class KernelFolders : public testing::Test {
protected:
  KernelFolders() {
    folder = (fs::temp_directory_path() / ("ember_cache_test" + std::to_string(getpid()))).string();
    fs::remove_all(folder);
    setenv("EMBER_CACHE_DIR", folder.c_str(), 1);
  }
  ~KernelFolders() override {
    setenv("EMBER_CACHE_DIR", "", 1);
    fs::remove_all(folder);
  }

  std::vector<fs::path> entries() const {
    std::vector<fs::path> list;
    if (fs::exists(folder))
      for (const auto &item : fs::directory_iterator(folder))
        list.push_back(item.path());
    std::sort(list.begin(), list.end());
    return list;
  }

  std::string folder;
};

// y = exp(x) + x over `size` elements, and its sum: two kernels that no other test has.
struct Outcome {
  std::vector<float> results;
  int64_t compiled, loaded;
};
Outcome compileAndRun(int size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  std::string type = "tensor<" + std::to_string(size) + "xf32>";
  std::string text = "func.func @main(%x: " + type + ") -> (" + type + ", tensor<f32>) {\n %0 = ember.exp %x : " + type +
                     "\n %1 = ember.add %0, %x : " + type + "\n %2 = ember.sum %1 [0] : " + type +
                     " -> tensor<f32>\n return %1, %2 : " + type + ", tensor<f32>\n}";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ember::CompileCounters before = ember::compileCounters();
  auto executable = ember::compileProgram(*module, {});
  ember::CompileCounters after = ember::compileCounters();
  std::vector<float> x(size + 32), y(size + 32), sum(32);
  for (int i = 0; i < size; ++i)
    x[i] = 0.25f * i - 1;
  executable->run({x.data()}, {y.data(), sum.data()}, {});
  y.resize(size);
  y.push_back(sum[0]);
  return {y, after.kernelsCompiled - before.kernelsCompiled, after.kernelsLoaded - before.kernelsLoaded};
}

// What another process would do: memory forgets all kernels.
Outcome inNewProcess(int size) {
  ember::setKernelsKept(0);
  Outcome outcome = compileAndRun(size);
  ember::setKernelsKept(4096);
  return outcome;
}

TEST_F(KernelFolders, SecondProcessCompilesNothing) {
  Outcome first = inNewProcess(1001), second = inNewProcess(1001);
  EXPECT_GT(first.compiled, 0);
  EXPECT_EQ(first.loaded, 0);
  EXPECT_EQ(second.compiled, 0);
  EXPECT_EQ(second.loaded, first.compiled);
  EXPECT_EQ(first.results, second.results);
}

TEST_F(KernelFolders, IsForItsOwnerAlone) {
  inNewProcess(1002);
  struct stat status;
  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const fs::path &entry : entries()) {
    ASSERT_EQ(stat(entry.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry;
  }
}

TEST_F(KernelFolders, ProgramsWithTheSameKernelsShareThem) {
  inNewProcess(1003);
  size_t files = entries().size();
  inNewProcess(1003);
  EXPECT_EQ(entries().size(), files);
}

// Cut in half, a bit of the value, nothing left, a bit of the key or checksum.
void damage(const fs::path &path, int kind) {
  std::ostringstream whole;
  whole << std::ifstream(path, std::ios::binary).rdbuf();
  std::string bytes = whole.str();
  if (kind == 0)
    bytes.resize(bytes.size() / 2);
  else if (kind == 1)
    bytes[bytes.size() - 1] ^= 1;
  else if (kind == 2)
    bytes.clear();
  else
    bytes[bytes.size() / 3] ^= 4;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Each time from the whole folder: a rebuilt record may name another object, and the old one is read no more.
TEST_F(KernelFolders, DamagedEntriesAreRebuilt) {
  Outcome first = inNewProcess(1004);
  std::string whole = folder + ".whole";
  fs::rename(folder, whole);
  for (const auto &item : fs::directory_iterator(whole))
    for (int kind = 0; kind < 4; ++kind) {
      SCOPED_TRACE(item.path().string() + " damaged in way " + std::to_string(kind));
      fs::remove_all(folder);
      fs::copy(whole, folder);
      damage(fs::path(folder) / item.path().filename(), kind);
      Outcome again = inNewProcess(1004);
      EXPECT_GT(again.compiled, 0);
      EXPECT_EQ(again.results, first.results);
      EXPECT_EQ(inNewProcess(1004).compiled, 0) << "it was not rebuilt";
    }
  fs::remove_all(whole);
}

TEST_F(KernelFolders, AMissingObjectIsRebuilt) {
  inNewProcess(1005);
  fs::path largest;
  for (const fs::path &path : entries())
    if (largest.empty() || fs::file_size(path) > fs::file_size(largest))
      largest = path;
  fs::remove(largest);
  EXPECT_GT(inNewProcess(1005).compiled, 0);
  EXPECT_EQ(inNewProcess(1005).compiled, 0);
}

TEST_F(KernelFolders, AFolderThatCannotBeUsedIsNoError) {
  for (const char *path : {"/dev/null/x", "/proc/ember", ""}) {
    setenv("EMBER_CACHE_DIR", path, 1);
    EXPECT_GT(inNewProcess(1006).compiled, 0) << path;
  }
  // What others may write to is not read: it would be run.
  setenv("EMBER_CACHE_DIR", folder.c_str(), 1);
  fs::create_directories(folder);
  chmod(folder.c_str(), 0777);
  inNewProcess(1006);
  EXPECT_GT(inNewProcess(1006).compiled, 0);
  EXPECT_TRUE(entries().empty());
}

TEST_F(KernelFolders, ProcessesWriteAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    pid_t child = fork();
    if (child == 0) {
      FileCache cache(folder);
      bool good = true;
      for (int round = 0; round < 50; ++round)
        for (int key = 0; key < 8; ++key) {
          std::string name = "key " + std::to_string(key), value(1000 + key, static_cast<char>('a' + key));
          cache.store(name, value);
          good &= cache.load(name) == value;
        }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(entries().size(), 8u) << "a file aside was left";
}

TEST_F(KernelFolders, TheOldestGoFirst) {
  FileCache cache(folder, 64 * 4096);
  for (int key = 0; key < 200; ++key) {
    cache.store(std::to_string(key), std::string(3000, 'x'));
    cache.load("0"); // used all the time
    struct timespec past[2] = {{1000000 + key, 0}, {1000000 + key, 0}};
    if (key > 0)
      for (const fs::path &path : entries())
        if (path.filename() == ember::cache::digestOf(std::to_string(key)) + ".entry")
          utimensat(AT_FDCWD, path.c_str(), past, 0);
  }
  EXPECT_LE(entries().size(), 64u + 4);
  EXPECT_TRUE(cache.load("0"));
  EXPECT_TRUE(cache.load("199"));
  EXPECT_FALSE(cache.load("1"));
  EXPECT_FALSE(cache.load("100"));
}

TEST_F(KernelFolders, AnotherKeyIsAnotherValue) {
  FileCache cache(folder);
  cache.store("one", "1");
  EXPECT_EQ(cache.load("one"), "1");
  EXPECT_FALSE(cache.load("two"));
  // The file of one key under another's name: the key inside is compared.
  fs::rename(folder + "/" + ember::cache::digestOf("one") + ".entry", folder + "/" + ember::cache::digestOf("two") + ".entry");
  EXPECT_FALSE(cache.load("two"));
}

TEST(KernelMemory, KeepsTheMostRecentlyUsed) {
  ember::setKernelsKept(4096);
  EXPECT_GT(compileAndRun(1010).compiled, 0);
  EXPECT_EQ(compileAndRun(1010).compiled, 0);
  ember::setKernelsKept(0);
  ember::setKernelsKept(4096);
  EXPECT_GT(compileAndRun(1010).compiled, 0);
}

TEST(KernelRecords, RoundTrip) {
  ember::kernel::KernelCode code{"kernel_3", ember::ir::SizeExpr::name("B") * ember::ir::SizeExpr(3), 4, 0.1, 640, true};
  auto record = ember::cpu::parseRecord(ember::cpu::recordOf(code, "abc"));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->code.symbol, code.symbol);
  EXPECT_EQ(record->code.extent, code.extent);
  EXPECT_EQ(record->code.grain, code.grain);
  EXPECT_EQ(record->code.nanosecondsPerUnit, code.nanosecondsPerUnit);
  EXPECT_EQ(record->code.scratchBytes, code.scratchBytes);
  EXPECT_EQ(record->code.canFault, code.canFault);
  EXPECT_EQ(record->objectDigest, "abc");
  for (const char *text : {"", "{", "[]", "{\"symbol\": 3}", "null"})
    EXPECT_FALSE(ember::cpu::parseRecord(text)) << text;
}

TEST(BuildId, IsThere) { EXPECT_GE(ember::cache::compilerBuildId().size(), 3 * 32u); }

} // namespace
