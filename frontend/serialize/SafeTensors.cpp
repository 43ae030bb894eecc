#include "serialize/SafeTensors.h"

#include "record/Storage.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace ember::serialize {

namespace {

constexpr uint64_t kLargestHeader = 100u << 20;
constexpr const char *kNames[] = {"F64", "F32", "BF16", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"};

[[noreturn]] void refuse(const std::string &path, const std::string &what) { throw Error(path + ": " + what); }

ScalarType dtypeOf(const std::string &path, const std::string &name, const std::string &text) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (text == kNames[i])
      return static_cast<ScalarType>(i);
  refuse(path, "tensor '" + name + "': unknown dtype '" + text + "'");
}

struct Entry {
  std::string name;
  ScalarType dtype;
  Shape shape;
  uint64_t begin, end;
};

Entry entryOf(const std::string &path, const std::string &name, const json &value, uint64_t dataBytes) {
  auto wrong = [&](const char *what) { refuse(path, "tensor '" + name + "': " + what); };
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value["dtype"].is_string() ||
      !value.contains("shape") || !value["shape"].is_array() || !value.contains("data_offsets") ||
      !value["data_offsets"].is_array() || value["data_offsets"].size() != 2)
    wrong("expected dtype, shape and data_offsets");
  Entry entry{name, dtypeOf(path, name, value["dtype"]), {}, 0, 0};
  uint64_t bytes = ember_rt_dtype_size(static_cast<uint32_t>(entry.dtype));
  for (const json &size : value["shape"]) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > INT64_MAX ||
        __builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes))
      wrong("a size is out of range");
    entry.shape.push_back(size.get<int64_t>());
  }
  for (const json &offset : value["data_offsets"])
    if (!offset.is_number_unsigned())
      wrong("an offset is no number");
  entry.begin = value["data_offsets"][0].get<uint64_t>();
  entry.end = value["data_offsets"][1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > dataBytes || entry.end - entry.begin != bytes)
    wrong("its offsets do not fit its shape and the file");
  return entry;
}

// The depth of brackets, so that a hostile header cannot exhaust the parser's stack.
bool isShallow(const std::string &text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && (text[i] == '{' || text[i] == '[')) {
      if (++depth > 8)
        return false;
    } else if (!quoted && (text[i] == '}' || text[i] == ']'))
      --depth;
  }
  return true;
}

} // namespace

void writeTensorFile(const std::string &path, const TensorFile &content) {
  json header = json::object();
  if (!content.metadata.empty())
    header["__metadata__"] = content.metadata;
  uint64_t offset = 0;
  std::vector<std::shared_ptr<record::Buffer>> buffers;
  std::vector<uint64_t> sizes;
  for (const auto &[name, tensor] : content.tensors) {
    NoGradGuard noGrad;
    buffers.push_back(record::contents(tensor));
    sizes.push_back(tensor.numel() * ember_rt_dtype_size(static_cast<uint32_t>(tensor.dtype())));
    header[name] = {{"dtype", kNames[static_cast<int>(tensor.dtype())]},
                    {"shape", static_cast<const Shape &>(tensor.sizes())},
                    {"data_offsets", {offset, offset + sizes.back()}}};
    offset += sizes.back();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // data is aligned
  uint64_t length = text.size();
  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw Error(error);
  ember_rt_file_write(file, &length, sizeof length);
  ember_rt_file_write(file, text.data(), text.size());
  for (size_t i = 0; i < buffers.size(); ++i)
    ember_rt_file_write(file, buffers[i]->data, sizes[i]);
  if (ember_rt_file_close(file, 1, error, sizeof error) != 0)
    throw Error(error);
}

TensorFile readTensorFile(const std::string &path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
    refuse(path, "not a regular file"); // a pipe may never end
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    refuse(path, std::strerror(errno));
  int64_t fileBytes = file.tellg();
  uint64_t length = 0;
  file.seekg(0);
  if (fileBytes < 8 || !file.read(reinterpret_cast<char *>(&length), 8))
    refuse(path, "truncated: no header");
  if (length > kLargestHeader || length > static_cast<uint64_t>(fileBytes) - 8)
    refuse(path, "the header's length does not fit the file (not a checkpoint, or truncated)");
  std::string text(length, 0);
  if (!file.read(text.data(), static_cast<std::streamsize>(length)))
    refuse(path, "truncated header");
  json header = isShallow(text) ? json::parse(text, nullptr, /*allow_exceptions=*/false) : json(json::value_t::discarded);
  if (header.is_discarded() || !header.is_object())
    refuse(path, "the header is no JSON object");
  uint64_t dataBytes = static_cast<uint64_t>(fileBytes) - 8 - length;
  TensorFile content;
  std::vector<Entry> entries;
  for (const auto &[name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(entryOf(path, name, value, dataBytes));
      continue;
    }
    for (const auto &[key, word] : value.items()) {
      if (!word.is_string())
        refuse(path, "metadata '" + key + "' is no text");
      content.metadata[key] = word.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t filled = 0;
  for (const Entry &entry : entries) {
    if (entry.begin != filled)
      refuse(path, "tensor '" + entry.name + "': its data overlaps another's or leaves a hole");
    filled = entry.end;
  }
  if (filled != dataBytes)
    refuse(path, "there are " + std::to_string(dataBytes - filled) + " bytes that belong to no tensor");
  for (const Entry &entry : entries) {
    Tensor tensor = empty(entry.shape, entry.dtype);
    if (!file.read(static_cast<char *>(record::contents(tensor)->data), static_cast<std::streamsize>(entry.end - entry.begin)))
      refuse(path, "truncated data");
    content.tensors.emplace_back(entry.name, tensor);
  }
  return content;
}

} // namespace ember::serialize
