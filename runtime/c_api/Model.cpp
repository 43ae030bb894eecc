// A model of an artifact: checks what it is given, then runs its program.
#include "runtime/include/ember_rt.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ember_model {
  const ember_model_desc *desc;
  const ember_program *program;
  ember_pool *pool;
  void *arena, *scratch;
  void **arguments;
  pthread_mutex_t mutex;
  char error[512];
};

namespace {

void describe(char *out, size_t size, uint32_t dtype, uint32_t rank, const int64_t *dims) {
  int length = snprintf(out, size, "%s[", ember_rt_dtype_name(dtype));
  for (uint32_t i = 0; i < rank && length < static_cast<int>(size); ++i)
    length += snprintf(out + length, size - length, i ? ", %lld" : "%lld", static_cast<long long>(dims[i]));
  if (length < static_cast<int>(size))
    snprintf(out + length, size - length, "]");
}

bool fits(const ember_tensor &tensor, const ember_signature &signature) {
  if (tensor.dtype != signature.dtype || tensor.rank != signature.rank || (tensor.rank && !tensor.dims))
    return false;
  for (uint32_t i = 0; i < tensor.rank; ++i)
    if (tensor.dims[i] != signature.dims[i])
      return false;
  return true;
}

int check(ember_model *model, const char *kind, uint32_t number, const ember_tensor &tensor, const ember_signature &signature) {
  char found[160], expected[160];
  describe(expected, sizeof expected, signature.dtype, signature.rank, signature.dims);
  if (!tensor.data) {
    snprintf(model->error, sizeof model->error, "%s: %s %u '%s': the data pointer is NULL, expected %s", model->desc->name, kind,
             number, signature.name, expected);
    return -1;
  }
  if (fits(tensor, signature))
    return 0;
  describe(found, sizeof found, tensor.dtype, tensor.rank > EMBER_RT_MAX_RANK || !tensor.dims ? 0 : tensor.rank, tensor.dims);
  snprintf(model->error, sizeof model->error, "%s: %s %u '%s' is %s, expected %s", model->desc->name, kind, number,
           signature.name, found, expected);
  return -1;
}

const ember_program *programFor(const ember_model_desc *desc) {
  __builtin_cpu_init();
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  const char *wanted = getenv("EMBER_LEVEL"); // x86-64-v3 on a machine that has more, for tests
  if (v4 && desc->program_v4 && !(wanted && strcmp(wanted, "x86-64-v3") == 0))
    return desc->program_v4;
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return v3 ? desc->program_v3 : nullptr;
}

} // namespace

extern "C" {

ember_model *ember_rt_model_create(const ember_model_desc *desc, unsigned threads) {
  const ember_program *program = programFor(desc);
  auto *model = static_cast<ember_model *>(calloc(1, sizeof(ember_model)));
  if (!program || !model) {
    free(model);
    return nullptr;
  }
  const int64_t *values = program->static_values;
  model->desc = desc;
  model->program = program;
  model->pool = ember_rt_pool_create(threads);
  model->arena = ember_rt_allocate(static_cast<size_t>(values[program->arena_bytes]));
  model->scratch = ember_rt_allocate(static_cast<size_t>(values[program->scratch_bytes]) * ember_rt_pool_size(model->pool));
  model->arguments = static_cast<void **>(calloc(program->argument_count + 1, sizeof(void *)));
  pthread_mutex_init(&model->mutex, nullptr);
  if (!model->pool || !model->arena || !model->scratch || !model->arguments) {
    ember_rt_model_destroy(model);
    return nullptr;
  }
  for (uint32_t i = 0; i < desc->weight_count; ++i)
    model->arguments[desc->input_count + i] =
        const_cast<char *>(static_cast<const char *>(desc->weights)) + desc->weight_offsets[i];
  return model;
}

void ember_rt_model_destroy(ember_model *model) {
  if (!model)
    return;
  ember_rt_pool_destroy(model->pool);
  ember_rt_free(model->arena);
  ember_rt_free(model->scratch);
  free(model->arguments);
  free(model);
}

const char *ember_rt_model_error(const ember_model *model) {
  return model ? model->error : "the model is NULL: out of memory, or a processor without AVX2";
}

static int runLocked(ember_model *model, const ember_tensor *inputs, ember_tensor *outputs) {
  const ember_model_desc *desc = model->desc;
  for (uint32_t i = 0; i < desc->input_count; ++i) {
    if (check(model, "input", i, inputs[i], desc->inputs[i]) != 0)
      return -1;
    model->arguments[i] = inputs[i].data;
  }
  void *results[64];
  for (uint32_t i = 0; i < desc->output_count; ++i) {
    if (check(model, "output", i, outputs[i], desc->outputs[i]) != 0)
      return -1;
    results[i] = outputs[i].data;
  }
  ember_fault fault;
  if (ember_rt_run(model->program, model->pool, model->program->static_values, model->arguments, results, model->arena,
                   model->scratch, desc->weights, &fault) == 0)
    return 0;
  snprintf(model->error, sizeof model->error, "%s: index %lld is out of bounds for a dimension with size %lld", desc->name,
           static_cast<long long>(fault.value), static_cast<long long>(fault.bound));
  return -1;
}

int ember_rt_model_run(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,
                       uint32_t output_count) {
  if (!model)
    return -1;
  pthread_mutex_lock(&model->mutex);
  int status = -1;
  if (!inputs || !outputs || input_count != model->desc->input_count || output_count != model->desc->output_count)
    snprintf(model->error, sizeof model->error, "%s: expected %u inputs and %u outputs, found %u and %u", model->desc->name,
             model->desc->input_count, model->desc->output_count, inputs ? input_count : 0, outputs ? output_count : 0);
  else
    status = runLocked(model, inputs, outputs);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

} // extern "C"
