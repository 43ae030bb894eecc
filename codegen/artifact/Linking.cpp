#include "codegen/artifact/Linking.h"

#include "codegen/artifact/NewFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ember {

namespace {

// What a program prints, kept in memory: it may be that the disk is full.
struct Complaints {
  Complaints() : file(memfd_create("complaints", MFD_CLOEXEC)), path("/proc/self/fd/" + std::to_string(file)) {
    if (file < 0)
      throw CompileError(std::string("linking: no memory for what the linker says: ") + strerror(errno));
  }
  ~Complaints() { close(file); }
  Complaints(const Complaints &) = delete;

  std::string firstLine() const {
    char text[512];
    ssize_t length = pread(file, text, sizeof text, 0);
    return llvm::StringRef(text, std::max<ssize_t>(length, 0)).split('\n').first.str();
  }

  int file;
  std::string path;
};

// A folder among the temporary files. While it lives it is locked: one that nobody holds was left by a process that was killed,
// and goes with the next.
class Workshop {
public:
  Workshop() {
    llvm::SmallString<128> place;
    llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, place);
    removeAbandoned(place.str().str());
    open(place.str().str());
  }
  ~Workshop() {
    llvm::sys::fs::remove_directories(folder);
    close(lock);
  }
  Workshop(const Workshop &) = delete;

  std::string file(const std::string &name) const { return folder + "/" + name; }
  /// Runs a program; its first line of complaint becomes the error's.
  void run(const std::string &tool, const std::vector<std::string> &arguments) const {
    auto program = llvm::sys::findProgramByName(tool);
    if (!program)
      throw CompileError("linking needs '" + tool + "' on PATH, which is not there");
    std::vector<llvm::StringRef> words{*program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Complaints complaints;
    std::string message, temporary = "TMPDIR=" + folder;
    std::vector<llvm::StringRef> variables{temporary}; // killed, it leaves its own files where ours are
    for (char **variable = environ; *variable; ++variable)
      if (!llvm::StringRef(*variable).starts_with("TMPDIR="))
        variables.push_back(*variable);
    if (llvm::sys::ExecuteAndWait(*program, words, llvm::ArrayRef(variables), {std::nullopt, complaints.path, complaints.path}, 0,
                                  0, &message) == 0)
      return;
    throw CompileError("linking: '" + tool + "' failed: " + (message.empty() ? complaints.firstLine() : message));
  }

private:
  static constexpr const char *kPrefix = "ember-link-";

  static int lockOf(const std::string &path, int operation, int flags) {
    int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | flags);
    struct stat status;
    if (descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_uid == geteuid() && flock(descriptor, operation) == 0)
      return descriptor;
    close(descriptor);
    return -1;
  }

  static void removeAbandoned(const std::string &place) {
    std::error_code error;
    for (llvm::sys::fs::directory_iterator entry(place, error, /*follow_symlinks=*/false), end; entry != end && !error;
         entry.increment(error)) {
      std::string path = entry->path();
      if (!llvm::sys::path::filename(path).starts_with(kPrefix))
        continue;
      int held = lockOf(path, LOCK_EX | LOCK_NB, O_CLOEXEC);
      if (held >= 0)
        llvm::sys::fs::remove_directories(path);
      close(held);
    }
  }

  // Another process may take it for one left behind before it is locked. Linkers inherit the lock: they may outlive this process,
  // and nobody removes what they still write to.
  void open(const std::string &place) {
    do {
      close(lock);
      folder = place + "/" + kPrefix + "XXXXXX";
      if (!mkdtemp(folder.data()))
        throw CompileError(place + ": no folder for temporary files (TMPDIR) can be made there: " + strerror(errno));
      lock = lockOf(folder, LOCK_EX, 0);
    } while (access(folder.c_str(), F_OK) != 0);
  }

  std::string folder;
  int lock = -1;
};

} // namespace

std::unique_ptr<llvm::MemoryBuffer> linked(llvm::StringRef ending, const std::string &name, llvm::StringRef object) {
  Workshop workshop;
  std::string part = workshop.file(name + ".o"), whole = workshop.file("whole" + ending.str());
  NewFile(part, object).commit();
  if (ending == ".a") {
    if (std::error_code error = llvm::sys::fs::copy_file(EMBER_RT_ARCHIVE, whole))
      throw CompileError((access(EMBER_RT_ARCHIVE, R_OK) == 0 ? whole : EMBER_RT_ARCHIVE) + ": " + error.message());
    workshop.run("ar", {"rD", whole, part});
  } else {
    std::vector<std::string> arguments{"-o", whole, part, EMBER_RT_ARCHIVE, "-lm", "-lpthread", "-Wl,--gc-sections", "-s"};
    if (ending == ".so")
      arguments.push_back("-shared");
    workshop.run("cc", arguments);
  }
  auto bytes = llvm::MemoryBuffer::getFile(whole, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    throw CompileError(whole + ": " + bytes.getError().message());
  return std::move(*bytes);
}

} // namespace ember
