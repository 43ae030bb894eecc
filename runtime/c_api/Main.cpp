// The main function of standalone executables.
#include "runtime/include/ember_rt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

namespace {

// A list of zeros until it is filled; without memory, null.
template <typename T> class List {
public:
  explicit List(size_t count) : items(static_cast<T *>(calloc(count + 1, sizeof(T)))) {}
  ~List() { free(items); }
  List(const List &) = delete;
  explicit operator bool() const { return items != nullptr; }
  operator T *() { return items; }
  operator const T *() const { return items; }

private:
  T *items;
};

void printSignature(const char *kind, uint32_t count, const ember_signature *list) {
  for (uint32_t i = 0; i < count; ++i) {
    printf("  %s %u  %s: %s[", kind, i, list[i].name, ember_rt_dtype_name(list[i].dtype));
    for (uint32_t d = 0; d < list[i].rank; ++d)
      if (list[i].dim_texts)
        printf(d ? ", %s" : "%s", list[i].dim_texts[d]);
      else
        printf(d ? ", %lld" : "%lld", static_cast<long long>(list[i].dims[d]));
    printf("]\n");
  }
}

// Of the named sizes; equal names are equal sizes.
void printRanges(const ember_function_desc &function) {
  for (uint32_t i = 0; i < function.program_v3->size_count; ++i) {
    int64_t least = function.size_ranges[2 * i], most = function.size_ranges[2 * i + 1];
    printf("  size %s: at least %lld", function.program_v3->size_names[i], static_cast<long long>(least));
    if (most != INT64_MAX)
      printf(", at most %lld", static_cast<long long>(most));
    printf("\n");
  }
}

bool draws(const ember_model_desc *desc) { return desc->generator >= 0; }

void printHelp(const ember_model_desc *desc) {
  printf("usage: %s INPUT.npy… [-o OUTPUT.npy]… [--repeat N] [--threads N]%s\n", desc->name, draws(desc) ? " [--seed N]" : "");
  printSignature("input", desc->predict.input_count, desc->predict.inputs);
  printSignature("output", desc->predict.output_count, desc->predict.outputs);
  printRanges(desc->predict);
  printf("Outputs go to -o in their order, or to output0.npy, output1.npy, …; --repeat prints the fastest run's time.\n");
  if (draws(desc))
    printf("The model draws random numbers; --seed is as manual_seed, without it they go on from where the model was traced.\n");
}

int fail(const ember_model_desc *desc, const char *text) {
  fprintf(stderr, "%s: %s\n", desc->name, text);
  return 1;
}

int flush(const ember_model_desc *desc) { return fflush(stdout) == 0 ? 0 : fail(desc, "standard output: cannot be written"); }

struct Arguments {
  explicit Arguments(int argc) : inputs(static_cast<size_t>(argc)), outputs(static_cast<size_t>(argc)) {}
  List<const char *> inputs, outputs;
  uint32_t inputCount = 0, outputCount = 0;
  uint64_t threads = 0, repeat = 1, seed = 0;
  bool isSeeded = false;
};

// Null, or what is wrong.
const char *parse(const ember_model_desc *desc, int argc, char **argv, Arguments &arguments, char *text, size_t size) {
  auto number = [&](const char *option, const char *word, uint64_t least, uint64_t most, uint64_t &out) {
    char *end = nullptr;
    errno = 0;
    out = strtoull(word, &end, 10);
    bool isNumber = *word >= '0' && *word <= '9' && *end == 0 && errno == 0; // strtoull takes signs and spaces
    if (isNumber && least <= out && out <= most)
      return true;
    snprintf(text, size, "%s: expected a whole number from %llu to %llu, found '%s'", option,
             static_cast<unsigned long long>(least), static_cast<unsigned long long>(most), word);
    return false;
  };
  for (int i = 1; i < argc; ++i) {
    const char *option = argv[i];
    if (option[0] != '-') {
      arguments.inputs[arguments.inputCount++] = option;
      continue;
    }
    bool isOutput = strcmp(option, "-o") == 0, isRepeat = strcmp(option, "--repeat") == 0,
         isThreads = strcmp(option, "--threads") == 0, isSeed = draws(desc) && strcmp(option, "--seed") == 0;
    if (!isOutput && !isRepeat && !isThreads && !isSeed) {
      snprintf(text, size, "unknown option '%s', expected -o, --repeat, --threads%s or --help", option,
               draws(desc) ? ", --seed" : "");
      return text;
    }
    if (++i == argc) {
      snprintf(text, size, "%s: expected a value after it", option);
      return text;
    }
    if (isOutput)
      arguments.outputs[arguments.outputCount++] = argv[i];
    else if (!(isRepeat    ? number(option, argv[i], 1, 1000000000, arguments.repeat)
               : isThreads ? number(option, argv[i], 1, 1024, arguments.threads)
                           : number(option, argv[i], 0, UINT64_MAX, arguments.seed)))
      return text;
    arguments.isSeeded |= isSeed;
  }
  return nullptr;
}

// Where an output goes: to its -o, or to output0.npy, output1.npy, ….
const char *outputPath(const Arguments &arguments, uint32_t number, char (&name)[32]) {
  if (number < arguments.outputCount)
    return arguments.outputs[number];
  snprintf(name, sizeof name, "output%u.npy", number);
  return name;
}

// Null, or which outputs would be written over each other.
const char *checkOutputs(const Arguments &arguments, uint32_t count, char *text, size_t size) {
  char name[32], other[32];
  for (uint32_t i = 0; i < count; ++i)
    for (uint32_t j = 0; j < i; ++j)
      if (const char *path = outputPath(arguments, i, name); strcmp(path, outputPath(arguments, j, other)) == 0) {
        snprintf(text, size, "expected a file for each output, found '%s' for outputs %u and %u", path, j, i);
        return text;
      }
  return nullptr;
}

double secondsNow() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

int failAsModel(const ember_model *model) {
  fprintf(stderr, "%s\n", ember_rt_model_error(model));
  return 1;
}

int runAll(const ember_model_desc *desc, ember_model *model, const Arguments &arguments) {
  uint32_t inputCount = desc->predict.input_count, outputCount = desc->predict.output_count;
  List<ember_array> arrays(inputCount);
  List<ember_tensor> inputs(inputCount), outputs(outputCount);
  List<int64_t[EMBER_RT_MAX_RANK]> outputDims(outputCount);
  if (!arrays || !inputs || !outputs || !outputDims)
    return fail(desc, "out of memory");
  char text[512];
  for (uint32_t i = 0; i < inputCount; ++i) {
    if (ember_rt_read_npy(arguments.inputs[i], &arrays[i], text, sizeof text) != 0)
      return fail(desc, text);
    inputs[i] = {arrays[i].dtype, arrays[i].rank, arrays[i].dims, arrays[i].data};
  }
  for (uint32_t i = 0; i < outputCount; ++i) {
    if (ember_rt_model_output_dims(model, inputs, inputCount, i, outputDims[i]) != 0)
      return failAsModel(model);
    size_t bytes = ember_rt_dtype_size(desc->predict.outputs[i].dtype);
    for (uint32_t d = 0; d < desc->predict.outputs[i].rank; ++d)
      bytes *= static_cast<size_t>(outputDims[i][d]);
    outputs[i] = {desc->predict.outputs[i].dtype, desc->predict.outputs[i].rank, outputDims[i], ember_rt_allocate(bytes)};
    if (!outputs[i].data)
      return fail(desc, "out of memory");
  }
  double fastest = 1e30;
  for (uint64_t turn = 0; turn < arguments.repeat; ++turn) {
    double start = secondsNow();
    if (ember_rt_model_run(model, inputs, inputCount, outputs, outputCount) != 0)
      return failAsModel(model);
    double spent = secondsNow() - start;
    fastest = spent < fastest ? spent : fastest;
  }
  for (uint32_t i = 0; i < outputCount; ++i) {
    char name[32];
    const char *path = outputPath(arguments, i, name);
    if (ember_rt_write_npy(path, outputs[i].dtype, outputs[i].rank, outputs[i].dims, outputs[i].data, text, sizeof text) != 0)
      return fail(desc, text);
  }
  if (arguments.repeat > 1)
    printf("%.1f us\n", fastest * 1e6);
  return flush(desc);
}

} // namespace

extern "C" int ember_rt_main(const ember_model_desc *desc, int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); // a file over the limit of its size is an error, with a line
  for (int i = 1; i < argc; ++i)
    if (strcmp(argv[i], "--help") == 0) {
      printHelp(desc);
      return flush(desc);
    }
  Arguments arguments(argc);
  char text[512];
  if (!arguments.inputs || !arguments.outputs)
    return fail(desc, "out of memory");
  if (const char *fault = parse(desc, argc, argv, arguments, text, sizeof text))
    return fail(desc, fault);
  if (arguments.inputCount != desc->predict.input_count) {
    snprintf(text, sizeof text, "expected %u input files, found %u (--help shows the signature)", desc->predict.input_count,
             arguments.inputCount);
    return fail(desc, text);
  }
  if (arguments.outputCount > desc->predict.output_count) {
    snprintf(text, sizeof text, "expected at most %u -o, found %u", desc->predict.output_count, arguments.outputCount);
    return fail(desc, text);
  }
  if (const char *fault = checkOutputs(arguments, desc->predict.output_count, text, sizeof text))
    return fail(desc, fault);
  ember_model *model = ember_rt_model_create(desc, static_cast<uint32_t>(arguments.threads));
  if (!model)
    return fail(desc, ember_rt_model_error(nullptr));
  if (arguments.isSeeded)
    ember_rt_model_seed(model, arguments.seed);
  int status = runAll(desc, model, arguments);
  ember_rt_model_destroy(model);
  return status;
}
