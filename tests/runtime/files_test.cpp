// .npy files from anywhere, each mistake with its text; files that are whole or not there.
#include "runtime/include/ember_rt.h"

#include "frontend/Shell.h"
#include <cstring>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

namespace fs = std::filesystem;

namespace {

constexpr const char *kPlain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

std::string headerOf(const std::string &descr, const std::string &order, const std::string &shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

std::string npy(const std::string &header, size_t dataBytes, const std::string &magic = "\x93NUMPY", char version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  length[0] = static_cast<char>(header.size());
  length[1] = static_cast<char>(header.size() >> 8);
  std::string file = magic + version + '\0' + length + header;
  for (size_t i = 0; i < dataBytes; ++i)
    file += static_cast<char>(i);
  return file;
}

struct Row {
  const char *what;
  std::string bytes, text;
};

const std::string kDtypes = "expected a little-endian dtype of f8 f4 f2 i8 i4 i2 i1 u1 b1, found ";
const std::string kNoNpy = "not an .npy file (its first bytes are not \\x93NUMPY)";
const Row kRows[] = {
    {"nothing", "", kNoNpy},
    {"too short", "\x93NUM", kNoNpy},
    {"another magic", npy(kPlain, 24, "\x93NUMPZ"), kNoNpy},
    {"version 0", npy(kPlain, 24, "\x93NUMPY", 0), "expected .npy version 1, 2 or 3, found 0"},
    {"version 4", npy(kPlain, 24, "\x93NUMPY", 4), "expected .npy version 1, 2 or 3, found 4"},
    {"a cut header", npy(kPlain, 24).substr(0, 40), "truncated header"},
    {"a header as long as memory", std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{", 13),
     "expected a header of at most 65536 bytes, found 4294967295"},
    {"no dictionary", npy("hello", 24), "expected 'descr', 'fortran_order' and 'shape' in the header, found no 'descr'"},
    {"no shape", npy("{'descr': '<f4', 'fortran_order': False}", 24),
     "expected 'descr', 'fortran_order' and 'shape' in the header, found no 'shape'"},
    {"big endian", npy(headerOf("'>f4'", "False", "(2, 3)"), 24), kDtypes + "'>f4'"},
    {"objects", npy(headerOf("'|O'", "False", "(2, 3)"), 24), kDtypes + "'|O'"},
    {"complex", npy(headerOf("'<c8'", "False", "(2, 3)"), 48), kDtypes + "'<c8'"},
    {"text", npy(headerOf("'<U3'", "False", "(2, 3)"), 72), kDtypes + "'<U3'"},
    {"a structure", npy(headerOf("[('a', '<f4')]", "False", "(2, 3)"), 24), kDtypes + "[('a'"},
    {"another order", npy(headerOf("'<f4'", "Maybe", "(2, 3)"), 24), "expected True or False as 'fortran_order', found Maybe"},
    {"a shape that is no tuple", npy(headerOf("'<f4'", "False", "[2, 3]"), 24), "expected a tuple as 'shape', found [2"},
    {"a negative size", npy(headerOf("'<f4'", "False", "(-2, -3)"), 24),
     "expected sizes from 0 to 2^63 - 1 in 'shape', found '-2'"},
    {"a size without end", npy(headerOf("'<f4'", "False", "(99999999999999999999, 3)"), 24),
     "expected sizes from 0 to 2^63 - 1 in 'shape', found '99999999999999999999'"},
    {"sizes that overflow", npy(headerOf("'<f4'", "False", "(4611686018427387904, 4)"), 24), "the sizes in 'shape' overflow"},
    {"17 dimensions", npy(headerOf("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6)"), 24),
     "expected at most 16 dimensions, found more"},
    {"huge, but not there", npy(headerOf("'<f4'", "False", "(1000000, 1000000)"), 24),
     "expected 4000000000000 bytes of data for its shape and dtype, found 24"},
    {"cut data", npy(kPlain, 23), "expected 24 bytes of data for its shape and dtype, found 23"},
    {"more data", npy(kPlain, 25), "expected 24 bytes of data for its shape and dtype, found 25"},
};

std::string errorOf(const std::string &path) {
  ember_array array;
  char error[512] = "";
  if (ember_rt_read_npy(path.c_str(), &array, error, sizeof error) == 0) {
    ember_rt_free(array.data);
    return "no error";
  }
  return error;
}

TEST(Npy, EachMistakeIsOneLine) {
  Folder folder("ember_npy");
  std::string path = folder.file("x.npy");
  for (const Row &row : kRows) {
    SCOPED_TRACE(row.what);
    std::ofstream(path, std::ios::binary) << row.bytes;
    EXPECT_EQ(errorOf(path), path + ": " + row.text);
  }
  EXPECT_EQ(errorOf(folder.file("none.npy")), folder.file("none.npy") + ": No such file or directory");
  EXPECT_EQ(errorOf(folder.path.string()), folder.path.string() + ": not a file");
  EXPECT_EQ(errorOf("/dev/zero"), "/dev/zero: not a file");
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(errorOf(folder.file("pipe")), folder.file("pipe") + ": not a file") << "nobody writes to it";
}

TEST(Npy, CutAndChangedAnywhereItIsReadOrRefused) {
  Folder folder("ember_npy_cut");
  std::string path = folder.file("x.npy"), whole = npy(kPlain, 24);
  for (size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    EXPECT_NE(errorOf(path), "no error") << size;
    std::string changed = whole;
    changed[size] = static_cast<char>(changed[size] ^ 0x55);
    std::ofstream(path, std::ios::binary) << changed;
    errorOf(path); // returns
  }
}

TEST(Npy, FortranOrderAndBoolsBecomeOurs) {
  Folder folder("ember_npy_order");
  std::string path = folder.file("x.npy");
  std::ofstream(path, std::ios::binary) << npy(headerOf("'|u1'", "True", "(2, 3)"), 6);
  ember_array array;
  char error[512];
  ASSERT_EQ(ember_rt_read_npy(path.c_str(), &array, error, sizeof error), 0) << error;
  const unsigned char rows[] = {0, 2, 4, 1, 3, 5};
  EXPECT_EQ(std::memcmp(array.data, rows, 6), 0);
  ember_rt_free(array.data);
  std::ofstream(path, std::ios::binary) << npy(headerOf("'|b1'", "False", "(2, 3)"), 6);
  ASSERT_EQ(ember_rt_read_npy(path.c_str(), &array, error, sizeof error), 0) << error;
  const unsigned char bools[] = {0, 1, 1, 1, 1, 1};
  EXPECT_EQ(std::memcmp(array.data, bools, 6), 0) << "a bool in memory is 0 or 1";
  ember_rt_free(array.data);
}

// ---- files that are written

std::string written(const std::string &path, const std::string &text) {
  char error[512] = "";
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    return error;
  ember_rt_file_write(file, text.data(), text.size());
  return ember_rt_file_close(file, 1, error, sizeof error) == 0 ? "" : error;
}

TEST(File, WhatCannotBeWritten) {
  Folder folder("ember_file");
  std::string inFile = folder.file("x") + "/y", path = folder.file("x");
  EXPECT_EQ(written(path, "old"), "");
  EXPECT_EQ(written(path, "new"), "");
  EXPECT_EQ(contents(path), "new");
  EXPECT_EQ(written(folder.path.string(), ""), folder.path.string() + ": Is a directory");
  EXPECT_EQ(written(inFile, ""), inFile + ": Not a directory");
  EXPECT_EQ(written(folder.file("none/x"), ""), folder.file("none/x") + ": No such file or directory");
  EXPECT_EQ(written("/dev/full", "text"), "/dev/full: No space left on device");
  EXPECT_EQ(written("/dev/null", "text"), "");
  struct stat status;
  ASSERT_EQ(stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode)) << "the device is still one";
  fs::create_symlink("x", folder.file("link"));
  EXPECT_EQ(written(folder.file("link"), "through"), "");
  EXPECT_TRUE(fs::is_symlink(folder.file("link")));
  EXPECT_EQ(contents(path), "through");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 2) << "x and link, nothing beside them";
}

TEST(File, AKilledWriterLeavesTheOldFile) {
  Folder folder("ember_killed");
  std::string path = folder.file("x");
  EXPECT_EQ(written(path, "old"), "");
  for (int signal : {SIGINT, SIGTERM, SIGKILL}) {
    pid_t child = fork();
    if (child == 0) {
      char error[512];
      ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
      ember_rt_file_write(file, "half", 4);
      raise(signal);
      _exit(0);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(contents(path), "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1);
  }
}

TEST(File, WritersOfOneFileDoNotMix) {
  Folder folder("ember_writers");
  std::string path = folder.file("x");
  auto writeMany = [&](char letter) {
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(written(path, std::string(100000, letter)), "");
  };
  std::thread other(writeMany, 'a');
  writeMany('b');
  other.join();
  std::string text = contents(path);
  EXPECT_EQ(text, std::string(100000, text[0]));
}

} // namespace
