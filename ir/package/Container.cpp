#include "ir/package/Container.h"

#include "runtime/include/ember_rt.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace ember::ir {

namespace {

// The first byte is no text and the line ends catch a transfer that rewrote them.
constexpr char kMagic[8] = {'\x89', 'E', 'M', 'B', '\r', '\n', '\x1a', '\n'};
constexpr uint32_t kVersion = 1;
enum SectionKind : uint32_t { kGraph = 1, kData = 2 };

struct Section {
  uint32_t kind, checksum;
  uint64_t offset, bytes;
};

// The first bytes of the file, little endian.
struct Header {
  char magic[8];
  uint32_t version, checksum; // of the header with this field 0
  uint64_t fileBytes;
  uint32_t sectionCount, reserved;
  Section sections[2];
};
static_assert(sizeof(Header) == 80 && sizeof(Section) == 24);

[[noreturn]] void refuse(const std::string &path, const std::string &what) { throw PackageError(path + ": " + what); }

uint32_t checksumOf(uint32_t checksum, const void *bytes, uint64_t count) {
  return static_cast<uint32_t>(crc32_z(checksum, static_cast<const Bytef *>(bytes), count));
}

uint32_t checksumOf(Header header) {
  header.checksum = 0;
  return checksumOf(0, &header, sizeof header);
}

std::string hexadecimal(uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", number);
  return text;
}

struct Mapping {
  void *memory = MAP_FAILED;
  size_t bytes = 0;
  ~Mapping() {
    if (memory != MAP_FAILED)
      munmap(memory, bytes);
  }
};

std::shared_ptr<Mapping> mapped(const std::string &path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    refuse(path, std::strerror(errno));
  auto mapping = std::make_shared<Mapping>();
  struct stat status;
  int failed = fstat(descriptor, &status) != 0 ? errno : 0;
  bool regular = !failed && S_ISREG(status.st_mode);
  if (regular && status.st_size >= static_cast<off_t>(sizeof(Header))) {
    mapping->bytes = static_cast<size_t>(status.st_size);
    mapping->memory = mmap(nullptr, mapping->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    failed = mapping->memory == MAP_FAILED ? errno : 0;
  }
  close(descriptor);
  if (failed)
    refuse(path, std::strerror(failed));
  if (!regular)
    refuse(path, "not a regular file");
  if (mapping->memory == MAP_FAILED)
    refuse(path, "truncated: the file has " + std::to_string(status.st_size) + " bytes, expected a header of " +
                     std::to_string(sizeof(Header)));
  return mapping;
}

// What a well-formed header says follows from its sizes: there is one place for each section.
void checkHeader(const std::string &path, const Header &header, uint64_t fileBytes) {
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    refuse(path, "not an ember package (its first bytes are not \\x89EMB)");
  if (header.version != kVersion)
    refuse(path, "the package has version " + std::to_string(header.version) + ", expected " + std::to_string(kVersion));
  if (header.checksum != checksumOf(header))
    refuse(path, "header: the checksum is " + hexadecimal(checksumOf(header)) + ", expected " + hexadecimal(header.checksum));
  if (header.fileBytes != fileBytes)
    refuse(path, std::string(fileBytes < header.fileBytes ? "truncated" : "bytes after its end") + ": the file has " +
                     std::to_string(fileBytes) + " bytes, expected " + std::to_string(header.fileBytes));
  const Section &graph = header.sections[0], &data = header.sections[1];
  if (header.sectionCount != 2 || header.reserved != 0 || graph.kind != kGraph || data.kind != kData)
    refuse(path, "header: " + std::to_string(header.sectionCount) + " sections of the kinds " + std::to_string(graph.kind) +
                     " and " + std::to_string(data.kind) + " and the reserved number " + std::to_string(header.reserved) +
                     ", expected 2 of the kinds 1 and 2 and the number 0");
  if (graph.offset != sizeof(Header) || graph.bytes > fileBytes - sizeof(Header) ||
      data.offset != alignedUp(sizeof(Header) + graph.bytes, kSectionAlignment) || data.offset > fileBytes ||
      data.bytes != fileBytes - data.offset)
    refuse(path, "header: sections of " + std::to_string(graph.bytes) + " bytes at " + std::to_string(graph.offset) + " and " +
                     std::to_string(data.bytes) + " bytes at " + std::to_string(data.offset) + ", expected the first at " +
                     std::to_string(sizeof(Header)) + ", the second at the next multiple of " +
                     std::to_string(kSectionAlignment) + " and to end at the file's end, " + std::to_string(fileBytes));
}

} // namespace

Container openContainer(const std::string &path) {
  std::shared_ptr<Mapping> mapping = mapped(path);
  auto *bytes = static_cast<const char *>(mapping->memory);
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  checkHeader(path, header, mapping->bytes);
  for (const Section &section : header.sections) {
    uint32_t found = checksumOf(0, bytes + section.offset, section.bytes);
    if (found != section.checksum)
      refuse(path, std::string(section.kind == kGraph ? "graph" : "data") + " section: the checksum is " + hexadecimal(found) +
                       ", expected " + hexadecimal(section.checksum));
  }
  const Section &graph = header.sections[0], &data = header.sections[1];
  for (uint64_t i = graph.offset + graph.bytes; i < data.offset; ++i)
    if (bytes[i] != 0)
      refuse(path, "byte " + std::to_string(i) + " between the sections is not 0");
  return {mapping, {bytes + graph.offset, graph.bytes}, {bytes + data.offset, data.bytes}};
}

void writeContainer(const std::string &path, llvm::StringRef graph, const std::vector<Memory> &data) {
  static const char zeros[kSectionAlignment] = {};
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.sectionCount = 2;
  header.sections[0] = {kGraph, checksumOf(0, graph.data(), graph.size()), sizeof(Header), graph.size()};
  Section &section = header.sections[1];
  section = {kData, 0, alignedUp(sizeof(Header) + graph.size(), kSectionAlignment), 0};
  for (const Memory &memory : data) {
    section.checksum = checksumOf(section.checksum, memory.data, memory.bytes);
    uint64_t padding = alignedUp(memory.bytes, kDataAlignment) - memory.bytes;
    section.checksum = checksumOf(section.checksum, zeros, padding);
    section.bytes += memory.bytes + padding;
  }
  header.fileBytes = section.offset + section.bytes;
  header.checksum = checksumOf(header);

  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw PackageError(error);
  ember_rt_file_write(file, &header, sizeof header);
  ember_rt_file_write(file, graph.data(), graph.size());
  ember_rt_file_write(file, zeros, section.offset - sizeof(Header) - graph.size());
  for (const Memory &memory : data) {
    ember_rt_file_write(file, memory.data, memory.bytes);
    ember_rt_file_write(file, zeros, alignedUp(memory.bytes, kDataAlignment) - memory.bytes);
  }
  if (ember_rt_file_close(file, 1, error, sizeof error) != 0)
    throw PackageError(error);
}

} // namespace ember::ir
