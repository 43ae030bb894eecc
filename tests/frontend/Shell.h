// What tests of artifacts share: a folder of their own, files as text, commands.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

struct Folder {
  std::filesystem::path path;
  explicit Folder(const char *name)
      : path(std::filesystem::temp_directory_path() / (std::string(name) + std::to_string(getpid()))) {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char *name) const { return (path / name).string(); }
};

inline std::string contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Outcome {
  int status;
  std::string text;
};

/// What a command prints, with its errors, and its status.
inline Outcome shell(const std::string &command) {
  FILE *pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 256> part;
  while (size_t count = fread(part.data(), 1, part.size(), pipe))
    text.append(part.data(), count);
  return {WEXITSTATUS(pclose(pipe)), text};
}

/// What a program or library needs beside libc, libm and libpthread, by name; "nothing" where it needs no library at all.
inline std::string librariesBeside(const std::string &path) {
  std::istringstream lines(shell("readelf -d " + path).text);
  std::string others, line;
  int count = 0;
  while (std::getline(lines, line)) {
    size_t name = line.find('[');
    if (line.find("(NEEDED)") == std::string::npos || name == std::string::npos)
      continue;
    ++count;
    std::string own = line.substr(name + 1, line.find(']') - name - 1);
    if (own.rfind("libc.so", 0) != 0 && own.rfind("libm.so", 0) != 0 && own.rfind("libpthread.so", 0) != 0)
      others += (others.empty() ? "" : " ") + own;
  }
  return count ? others : "nothing";
}
