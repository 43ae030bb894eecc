// Checkpoints of a model that trains, in the form that ember::save writes: tensors `model.NAME`, `optimizer.INDEX.NAME` and
// `generator`, the optimizer's options as JSON in the metadata.
#include "runtime/c_api/Model.h"
#include "runtime/checkpoint/Json.h"
#include "runtime/checkpoint/SafeTensors.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

namespace ember::rt {

namespace {

constexpr const char *kFormat = "ember checkpoint 1";
constexpr size_t kLongestName = 1024;

// ---- names

bool isSaved(const ember_state_desc &state) {
  return state.role == EMBER_ROLE_PARAMETER || state.role == EMBER_ROLE_BUFFER || state.role == EMBER_ROLE_OPTIMIZER ||
         state.role == EMBER_ROLE_GENERATOR;
}

void fileName(char *out, const ember_state_desc &state) {
  if (state.role == EMBER_ROLE_GENERATOR)
    snprintf(out, kLongestName, "generator");
  else
    snprintf(out, kLongestName, state.role == EMBER_ROLE_OPTIMIZER ? "optimizer.%s" : "model.%s", state.tensor.name);
}

// `optimizer.3.step` for the first state of parameter 3; false for its others and for all else.
bool stepName(char *out, const ember_model_desc &desc, uint32_t number) {
  const ember_state_desc &state = desc.states[number];
  if (!desc.counts_steps || state.role != EMBER_ROLE_OPTIMIZER)
    return false;
  size_t length = strcspn(state.tensor.name, ".") + 1;
  for (uint32_t i = 0; i < number; ++i)
    if (desc.states[i].role == EMBER_ROLE_OPTIMIZER && strncmp(desc.states[i].tensor.name, state.tensor.name, length) == 0)
      return false;
  snprintf(out, kLongestName, "optimizer.%.*sstep", static_cast<int>(length), state.tensor.name);
  return true;
}

// ---- writing

class Text {
public:
  ~Text() { free(bytes); }
  void add(const char *from, size_t count) {
    if (length + count + 1 > capacity) {
      size_t wanted = 2 * (length + count) + 256;
      auto *larger = static_cast<char *>(realloc(bytes, wanted));
      failed |= !larger;
      bytes = larger ? larger : bytes;
      capacity = larger ? wanted : capacity;
    }
    if (failed)
      return;
    memcpy(bytes + length, from, count);
    length += count;
    bytes[length] = 0;
  }
  void add(const char *text) { add(text, strlen(text)); }
  void addQuoted(const char *text) {
    add("\"");
    for (; *text; ++text) {
      char escape[8];
      auto c = static_cast<unsigned char>(*text);
      if (c == '"' || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", c);
      else if (c < 0x20)
        snprintf(escape, sizeof escape, "\\u%04x", c);
      else
        snprintf(escape, sizeof escape, "%c", c);
      add(escape);
    }
    add("\"");
  }
  void addNumber(uint64_t value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%llu", static_cast<unsigned long long>(value));
    add(digits);
  }
  void addReal(double value) { // with a point, whatever the process's locale has
    char digits[40];
    locale_t plain = newlocale(LC_ALL_MASK, "C", static_cast<locale_t>(nullptr));
    if (!plain) {
      failed = true;
      return;
    }
    locale_t previous = uselocale(plain);
    snprintf(digits, sizeof digits, "%.17g", value);
    uselocale(previous);
    freelocale(plain);
    add(digits);
    if (!strpbrk(digits, ".en"))
      add(".0");
  }

  char *bytes = nullptr;
  size_t length = 0, capacity = 0;
  bool failed = false;
};

// [{"options":{"lr":0.1},"parameters":[0,1]}]
void addGroups(Text &text, const ember_model &model) {
  const ember_model_desc &desc = *model.desc;
  uint64_t parameter = 0;
  text.add("[");
  for (uint32_t group = 0; group < desc.group_count; ++group) {
    text.add(group ? ",{\"options\":{" : "{\"options\":{");
    bool isFirst = true;
    for (uint32_t i = 0; i < desc.hyper_count; ++i) {
      if (desc.hypers[i].group != group)
        continue;
      text.add(isFirst ? "" : ",");
      isFirst = false;
      text.addQuoted(desc.hypers[i].option);
      text.add(":");
      text.addReal(model.hypers[i]);
    }
    text.add("},\"parameters\":[");
    for (uint32_t i = 0; i < desc.group_sizes[group]; ++i) {
      text.add(i ? "," : "");
      text.addNumber(parameter++);
    }
    text.add("]}");
  }
  text.add("]");
}

void addEntry(Text &text, const char *name, uint32_t dtype, uint32_t rank, const int64_t *dims, uint64_t &offset, size_t bytes) {
  text.add(",");
  text.addQuoted(name);
  text.add(":{\"dtype\":\"");
  text.add(safetensorsName(dtype));
  text.add("\",\"shape\":[");
  for (uint32_t d = 0; d < rank; ++d) {
    text.add(d ? "," : "");
    text.addNumber(static_cast<uint64_t>(dims[d]));
  }
  text.add("],\"data_offsets\":[");
  text.addNumber(offset);
  text.add(",");
  text.addNumber(offset += bytes);
  text.add("]}");
}

// An optimizer that has taken no step has no state yet.
bool isSavedNow(const ember_model &model, const ember_state_desc &state) {
  return isSaved(state) && (state.role != EMBER_ROLE_OPTIMIZER || model.steps > 0);
}

void addHeader(Text &text, const ember_model &model) {
  const ember_model_desc &desc = *model.desc;
  Text groups;
  addGroups(groups, model);
  text.failed |= groups.failed;
  if (text.failed)
    return;
  text.add("{\"__metadata__\":{\"format\":");
  text.addQuoted(kFormat);
  text.add(",\"optimizer\":");
  text.addQuoted(groups.bytes);
  text.add("}");
  uint64_t offset = 0;
  char name[kLongestName];
  for (uint32_t i = 0; i < desc.state_count; ++i) {
    const ember_state_desc &state = desc.states[i];
    if (!isSavedNow(model, state))
      continue;
    fileName(name, state);
    addEntry(text, name, state.tensor.dtype, state.tensor.rank, state.tensor.dims, offset, bytesOf(state.tensor));
    if (stepName(name, desc, i))
      addEntry(text, name, EMBER_F32, 0, nullptr, offset, sizeof(float));
  }
  text.add("}");
  while (text.length % 8 && !text.failed)
    text.add(" ");
}

// ---- reading

struct Loaded {
  TensorFile file;
  double *hypers = nullptr;
  uint64_t steps = 0;
  bool hasOptimizerState = false;
  ~Loaded() {
    closeTensorFile(file);
    free(hypers);
  }
};

int refuseFile(ember_model *model, const char *path, const char *what) {
  return refuse(model, EMBER_BAD_FILE, "%.200s: %s", path, what);
}

// One group's options; false with what is wrong.
bool readOptions(JsonReader &json, const ember_model &model, uint32_t group, double *hypers, char *what, size_t size) {
  const ember_model_desc &desc = *model.desc;
  json.expect('{');
  uint32_t seen = 0, expected = 0;
  for (uint32_t i = 0; i < desc.hyper_count; ++i)
    expected += desc.hypers[i].group == group;
  do {
    const char *option = json.string();
    json.expect(':');
    double value = json.number();
    uint32_t number = 0;
    while (number < desc.hyper_count && (desc.hypers[number].group != group || strcmp(desc.hypers[number].option, option) != 0))
      ++number;
    if (!json.good() || number == desc.hyper_count) {
      snprintf(what, size, "the options of its optimizer are not those of this program's");
      return false;
    }
    if (desc.hypers[number].fixed && value != desc.hypers[number].value) {
      snprintf(what, size, "its '%s' is %g, but this program's step was recorded with %g", option, value,
               desc.hypers[number].value);
      return false;
    }
    hypers[number] = value;
    ++seen;
  } while (json.accept(','));
  json.expect('}');
  if (json.good() && seen == expected)
    return true;
  snprintf(what, size, "the options of its optimizer are not those of this program's");
  return false;
}

bool readGroups(char *text, const ember_model &model, double *hypers, char *what, size_t size) {
  const char *end = text + strlen(text);
  JsonReader json(text);
  json.expect('[');
  int64_t parameter = 0;
  bool fits = true;
  for (uint32_t group = 0; group < model.desc->group_count; ++group) {
    if (group)
      json.expect(',');
    json.expect('{');
    for (int part = 0; part < 2; ++part) {
      if (part)
        json.expect(',');
      const char *key = json.string();
      json.expect(':');
      if (strcmp(key, "options") == 0) {
        if (!readOptions(json, model, group, hypers, what, size))
          return false;
        continue;
      }
      fits = fits && strcmp(key, "parameters") == 0;
      json.expect('[');
      for (uint32_t i = 0; i < model.desc->group_sizes[group] && json.good(); ++i) {
        if (i)
          json.expect(',');
        fits = fits && json.natural() == parameter++;
      }
      json.expect(']');
    }
    json.expect('}');
  }
  json.expect(']');
  if (fits && json.atEnd(end))
    return true;
  snprintf(what, size, "the parameter groups of its optimizer are not those of this program's");
  return false;
}

bool sameShape(const FileTensor &tensor, const ember_signature &own) {
  if (tensor.dtype != own.dtype || tensor.rank != own.rank)
    return false;
  for (uint32_t d = 0; d < own.rank; ++d)
    if (tensor.dims[d] != own.dims[d])
      return false;
  return true;
}

int checkTensor(ember_model *model, const char *path, const Loaded &loaded, const char *name, const ember_signature &own) {
  const FileTensor *tensor = loaded.file.find(name);
  char what[512], expected[160], found[160];
  describe(expected, sizeof expected, own.dtype, own.rank, own.dims);
  if (!tensor) {
    snprintf(what, sizeof what, "there is no tensor '%.100s' (%s)", name, expected);
    return refuseFile(model, path, what);
  }
  if (sameShape(*tensor, own))
    return EMBER_OK;
  describe(found, sizeof found, tensor->dtype, tensor->rank, tensor->dims);
  snprintf(what, sizeof what, "tensor '%.100s' is %s, expected %s", name, found, expected);
  return refuseFile(model, path, what);
}

int readSteps(ember_model *model, const char *path, Loaded &loaded, const char *name, bool isFirst) {
  ember_signature scalar = {};
  scalar.dtype = EMBER_F32;
  if (int status = checkTensor(model, path, loaded, name, scalar))
    return status;
  float steps;
  memcpy(&steps, loaded.file.data + loaded.file.find(name)->begin, sizeof steps);
  auto whole = steps >= 0 && steps < 9e18f ? static_cast<uint64_t>(steps) : 0;
  if (static_cast<float>(whole) != steps || (!isFirst && whole != loaded.steps))
    return refuseFile(model, path, "its parameters have not taken the same number of steps, as this program's do");
  loaded.steps = whole;
  return EMBER_OK;
}

int checkAll(ember_model *model, const char *path, Loaded &loaded) {
  const ember_model_desc &desc = *model->desc;
  const char *format = loaded.file.metadataOf("format");
  char *groups = loaded.file.metadataOf("optimizer");
  if (!format || strcmp(format, kFormat) != 0 || !groups)
    return refuseFile(model, path, "it is no checkpoint of a model with an optimizer");
  char what[256], name[kLongestName];
  if (!readGroups(groups, *model, loaded.hypers, what, sizeof what))
    return refuseFile(model, path, what);
  for (uint32_t i = 0; i < loaded.file.tensorCount; ++i)
    loaded.hasOptimizerState |= strncmp(loaded.file.tensors[i].name, "optimizer.", 10) == 0;
  uint32_t expected = 0;
  bool isFirst = true;
  loaded.steps = loaded.hasOptimizerState; // where checkpoints hold no number, there was at least one
  for (uint32_t i = 0; i < desc.state_count; ++i) {
    const ember_state_desc &state = desc.states[i];
    if (!isSaved(state) || (state.role == EMBER_ROLE_OPTIMIZER && !loaded.hasOptimizerState))
      continue;
    ++expected;
    fileName(name, state);
    if (int status = checkTensor(model, path, loaded, name, state.tensor))
      return status;
    if (!stepName(name, desc, i))
      continue;
    ++expected;
    if (int status = readSteps(model, path, loaded, name, isFirst))
      return status;
    isFirst = false;
  }
  if (expected != loaded.file.tensorCount)
    return refuseFile(model, path, "it holds tensors that this program does not know");
  ember_generator generator;
  auto *state = reinterpret_cast<const uint8_t *>(loaded.file.data + loaded.file.find("generator")->begin);
  if (ember_rt_set_state(&generator, state) != 0)
    return refuseFile(model, path, "its generator state is no state of this generator");
  return EMBER_OK;
}

void take(ember_model *model, const Loaded &loaded) {
  const ember_model_desc &desc = *model->desc;
  char name[kLongestName];
  for (uint32_t i = 0; i < desc.state_count; ++i) {
    const ember_state_desc &state = desc.states[i];
    if (!isSaved(state))
      continue;
    fileName(name, state);
    if (const FileTensor *tensor = loaded.file.find(name))
      memcpy(model->states[i], loaded.file.data + tensor->begin, tensor->end - tensor->begin);
    else
      memset(model->states[i], 0, bytesOf(state.tensor)); // the optimizer had taken no step
  }
  memcpy(model->hypers, loaded.hypers, desc.hyper_count * sizeof(double));
  model->steps = loaded.steps;
}

} // namespace

} // namespace ember::rt

using namespace ember::rt;

extern "C" {

int ember_rt_model_save(ember_model *model, const char *path) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  if (!path)
    return refuse(model, EMBER_BAD_ARGUMENT, "the path of a checkpoint is NULL");
  Text header;
  addHeader(header, *model);
  if (header.failed)
    return refuse(model, EMBER_NO_MEMORY, "out of memory");
  char what[400], name[kLongestName];
  ember_file *file = ember_rt_file_create(path, what, sizeof what);
  if (!file)
    return refuse(model, EMBER_BAD_FILE, "%s", what);
  uint64_t length = header.length;
  ember_rt_file_write(file, &length, sizeof length);
  ember_rt_file_write(file, header.bytes, header.length);
  auto steps = static_cast<float>(model->steps);
  for (uint32_t i = 0; i < model->desc->state_count; ++i) {
    const ember_state_desc &state = model->desc->states[i];
    if (!isSavedNow(*model, state))
      continue;
    ember_rt_file_write(file, model->states[i], bytesOf(state.tensor));
    if (stepName(name, *model->desc, i))
      ember_rt_file_write(file, &steps, sizeof steps);
  }
  if (ember_rt_file_close(file, 1, what, sizeof what) != 0)
    return refuse(model, EMBER_BAD_FILE, "%s", what);
  return EMBER_OK;
}

int ember_rt_model_load(ember_model *model, const char *path) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  if (!path)
    return refuse(model, EMBER_BAD_ARGUMENT, "the path of a checkpoint is NULL");
  Loaded loaded;
  char what[256];
  loaded.hypers = static_cast<double *>(calloc(model->desc->hyper_count + 1, sizeof(double)));
  if (!loaded.hypers)
    return refuse(model, EMBER_NO_MEMORY, "out of memory");
  if (int status = openTensorFile(path, loaded.file, what, sizeof what))
    return refuse(model, status, "%.200s: %s", path, what);
  if (int status = checkAll(model, path, loaded))
    return status;
  take(model, loaded);
  return EMBER_OK;
}

} // extern "C"
