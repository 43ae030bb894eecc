// A model of an artifact: checks what it is given, then runs its programs.
#include "runtime/c_api/Model.h"

#include <initializer_list>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

namespace ember::rt {

int refuse(ember_model *model, int status, const char *format, ...) {
  int length = snprintf(model->error, sizeof model->error, "%s: ", model->desc->name);
  va_list arguments;
  va_start(arguments, format);
  if (length >= 0 && length < static_cast<int>(sizeof model->error))
    vsnprintf(model->error + length, sizeof model->error - static_cast<size_t>(length), format, arguments);
  va_end(arguments);
  return status;
}

// Memory for these values, kept from call to call.
static bool reserve(ember_model *model, const ember_model_function &function) {
  int64_t arena = function.values[function.program->arena_bytes], scratch = function.values[function.program->scratch_bytes];
  if (__builtin_mul_overflow(scratch, static_cast<int64_t>(ember_rt_pool_size(model->pool)), &scratch))
    return false;
  auto grow = [](void *&memory, int64_t &bytes, int64_t wanted) {
    if (memory && wanted <= bytes)
      return true;
    ember_rt_free(memory); // before there is more: nothing in it is needed
    memory = ember_rt_allocate(static_cast<size_t>(wanted));
    bytes = memory ? wanted : 0;
    return memory != nullptr;
  };
  return grow(model->arena, model->arenaBytes, arena) && grow(model->scratch, model->scratchBytes, scratch);
}

// The program's values for the sizes of the inputs, and memory for them.
static int prepareSizes(ember_model *model, ember_model_function &function) {
  const ember_program &program = *function.program;
  if (program.size_count == 0) // there is memory since the model was created
    return EMBER_OK;
  size_t bytes = program.size_count * sizeof(int64_t);
  if (!function.values || memcmp(function.sizes, function.valuesSizes, bytes) != 0) {
    function.values = nullptr;
    if (ember_rt_resolve(&program, function.sizes, function.named, nullptr) != 0)
      return refuseMemory(model, function);
    memcpy(function.valuesSizes, function.sizes, bytes);
    function.values = function.named;
  }
  return reserve(model, function) ? static_cast<int>(EMBER_OK) : refuseMemory(model, function);
}

static int refuseFault(ember_model *model, const ember_program *program, const ember_fault &fault) {
  const char *place = ember_rt_place_of_op(program, fault.op);
  return refuse(model, EMBER_FAULT_NOTED, "%s%sindex %lld is out of bounds for a dimension with size %lld", place,
                *place ? ": " : "", static_cast<long long>(fault.value), static_cast<long long>(fault.bound));
}

int runFunction(ember_model *model, ember_model_function &function, const ember_tensor *inputs) {
  const ember_function_desc &desc = *function.desc;
  if (int status = prepareSizes(model, function))
    return status;
  for (uint32_t i = 0; i < desc.input_count; ++i)
    function.arguments[i] = inputs[i].data;
  for (uint32_t i = 0; i < desc.state_count; ++i)
    function.arguments[desc.input_count + i] = model->states[desc.states[i]];
  for (uint32_t i = 0; i < desc.update_count; ++i)
    function.results[desc.output_count + i] = (desc.in_place[i] ? model->states : model->spares)[desc.updates[i]];
  ember_fault fault;
  if (ember_rt_run(function.program, model->pool, function.values, function.arguments, function.results, model->arena,
                   model->scratch, nullptr, &fault) != 0)
    return refuseFault(model, function.program, fault);
  for (uint32_t i = 0; i < desc.update_count; ++i)
    if (uint32_t state = desc.updates[i]; !desc.in_place[i]) {
      void *old = model->states[state];
      model->states[state] = model->spares[state];
      model->spares[state] = old;
    }
  return EMBER_OK;
}

namespace {

bool hasLevel4() {
  __builtin_cpu_init();
  const char *wanted = getenv("EMBER_LEVEL"); // x86-64-v3 on a machine that has more, for tests
  if (wanted && *wanted && strcmp(wanted, "x86-64-v3") != 0 && strcmp(wanted, "x86-64-v4") != 0)
    ember_rt_note_variable("EMBER_LEVEL", wanted, "x86-64-v3 or x86-64-v4: the processor's own is taken");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd") &&
         !(wanted && strcmp(wanted, "x86-64-v3") == 0);
}

bool hasLevel3() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool prepare(ember_model_function &function, const ember_function_desc &desc) {
  function.desc = &desc;
  function.program = hasLevel4() ? desc.program_v4 : desc.program_v3;
  function.arguments = static_cast<void **>(calloc(desc.input_count + desc.state_count + 1, sizeof(void *)));
  function.results = static_cast<void **>(calloc(desc.output_count + desc.update_count + 1, sizeof(void *)));
  if (!function.arguments || !function.results)
    return false;
  if (!function.program || function.program->size_count == 0) {
    function.values = function.program ? function.program->static_values : nullptr;
    return true;
  }
  function.sizes = static_cast<int64_t *>(calloc(function.program->size_count, sizeof(int64_t)));
  function.valuesSizes = static_cast<int64_t *>(calloc(function.program->size_count, sizeof(int64_t)));
  function.named = static_cast<int64_t *>(calloc(function.program->value_count + 1, sizeof(int64_t)));
  return function.sizes && function.valuesSizes && function.named;
}

// Whether a block was allocated by itself: it lies neither in the artifact nor among the held tensors of a model that trains.
bool isOwnBlock(const ember_model *model, const void *block) {
  auto lies = [&](const void *first) {
    auto *begin = static_cast<const char *>(first), *at = static_cast<const char *>(block);
    return begin && at >= begin && at < begin + model->desc->weight_bytes;
  };
  return block && !lies(model->desc->weights) && !lies(model->memory);
}

// What a function updates lies in memory of the model's own, and so does its next value where it is not written in place.
bool holdUpdates(ember_model *model, const ember_function_desc &function) {
  for (uint32_t i = 0; i < function.update_count; ++i) {
    uint32_t state = function.updates[i];
    size_t bytes = bytesOf(model->desc->states[state].tensor);
    if (!model->memory && !isOwnBlock(model, model->states[state])) {
      void *own = ember_rt_allocate(bytes);
      if (!own)
        return false;
      memcpy(own, model->states[state], bytes);
      model->states[state] = own;
    }
    if (!function.in_place[i] && !model->spares[state] && !(model->spares[state] = ember_rt_allocate(bytes)))
      return false;
  }
  return true;
}

// Held tensors of a model that trains are memory of its own; those of others stay where the artifact has them, unless a run
// updates them (the generator's state, running statistics).
bool holdTensors(ember_model *model) {
  const ember_model_desc &desc = *model->desc;
  model->states = static_cast<void **>(calloc(desc.state_count + 1, sizeof(void *)));
  model->spares = static_cast<void **>(calloc(desc.state_count + 1, sizeof(void *)));
  model->hypers = static_cast<double *>(calloc(desc.hyper_count + 1, sizeof(double)));
  if (!model->states || !model->spares || !model->hypers)
    return false;
  auto *held = static_cast<char *>(const_cast<void *>(desc.weights));
  if (model->step.program) {
    model->memory = static_cast<char *>(ember_rt_allocate(desc.weight_bytes));
    if (!model->memory)
      return false;
    memcpy(model->memory, desc.weights, desc.weight_bytes);
    held = model->memory;
  }
  for (uint32_t i = 0; i < desc.state_count; ++i)
    model->states[i] = held + desc.states[i].offset;
  for (uint32_t i = 0; i < desc.hyper_count; ++i)
    model->hypers[i] = desc.hypers[i].value;
  model->steps = desc.steps;
  return holdUpdates(model, desc.predict) && holdUpdates(model, desc.step);
}

// One arena and one scratch serve both programs: calls are serial. Where sizes have names, a call makes the room.
bool makeRoom(ember_model *model) {
  for (const ember_model_function *function : {&model->predict, &model->step})
    if (function->values && !reserve(model, *function))
      return false;
  return true;
}

} // namespace

} // namespace ember::rt

using namespace ember::rt;

extern "C" {

ember_model *ember_rt_model_create(const ember_model_desc *desc, unsigned threads) {
  auto *model = static_cast<ember_model *>(calloc(1, sizeof(ember_model)));
  if (!model)
    return nullptr;
  model->desc = desc;
  pthread_mutex_init(&model->mutex, nullptr);
  model->pool = hasLevel3() ? ember_rt_pool_create(threads) : nullptr;
  if (!model->pool || !prepare(model->predict, desc->predict) || !prepare(model->step, desc->step) || !holdTensors(model) ||
      !makeRoom(model)) {
    ember_rt_model_destroy(model);
    return nullptr;
  }
  return model;
}

void ember_rt_model_destroy(ember_model *model) {
  if (!model)
    return;
  if (model->pool)
    ember_rt_pool_destroy(model->pool);
  ember_rt_free(model->arena);
  ember_rt_free(model->scratch);
  for (uint32_t i = 0; model->states && model->spares && i < model->desc->state_count; ++i)
    for (void *block : {model->states[i], model->spares[i]})
      if (isOwnBlock(model, block))
        ember_rt_free(block);
  ember_rt_free(model->memory);
  for (ember_model_function *function : {&model->predict, &model->step}) {
    free(function->arguments);
    free(function->results);
    free(function->sizes);
    free(function->valuesSizes);
    free(function->named);
  }
  free(model->states);
  free(model->spares);
  free(model->hypers);
  pthread_mutex_destroy(&model->mutex);
  free(model);
}

uint32_t ember_rt_abi(void) { return EMBER_RT_ABI; }

const char *ember_rt_model_error(const ember_model *model) {
  if (model)
    return model->error;
  return hasLevel3() ? "out of memory: the model is NULL" : "the processor has no AVX2: the model is NULL";
}

int ember_rt_model_run(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,
                       uint32_t output_count) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  const ember_function_desc &desc = *model->predict.desc;
  if ((!inputs && desc.input_count) || !outputs || input_count != desc.input_count || output_count != desc.output_count)
    return refuse(model, EMBER_BAD_ARGUMENT, "expected %u inputs and %u outputs, found %u and %u", desc.input_count,
                  desc.output_count, inputs ? input_count : 0, outputs ? output_count : 0);
  if (int status = checkInputs(model, model->predict, inputs, input_count))
    return status;
  for (uint32_t i = 0; i < output_count; ++i) {
    if (int status = checkOutput(model, model->predict, i, outputs[i]))
      return status;
    model->predict.results[i] = outputs[i].data;
  }
  return runFunction(model, model->predict, inputs);
}

int ember_rt_model_output_dims(ember_model *model, const ember_tensor *inputs, uint32_t input_count, uint32_t output,
                               int64_t *dims) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  const ember_function_desc &desc = *model->predict.desc;
  if (output >= desc.output_count)
    return refuse(model, EMBER_BAD_ARGUMENT, "output %u was asked for, there are %u", output, desc.output_count);
  if (!dims)
    return refuse(model, EMBER_BAD_ARGUMENT, "the pointer to the dims of output %u is NULL", output);
  if (int status = checkInputs(model, model->predict, inputs, input_count, /*needsData=*/false))
    return status;
  return outputDims(model, model->predict, output, dims);
}

} // extern "C"
