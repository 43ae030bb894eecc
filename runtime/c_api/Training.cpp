// Models that train: the step, hyper-parameters, the generator, weights by name.
#include "runtime/c_api/Model.h"

#include <math.h>
#include <stdlib.h>

namespace ember::rt {

uint32_t findHyper(const ember_model_desc &desc, const char *name, size_t length) {
  uint32_t number = 0;
  while (number < desc.hyper_count &&
         (strncmp(desc.hypers[number].name, name, length) != 0 || desc.hypers[number].name[length] != 0))
    ++number;
  return number;
}

// The compiler writes formulas: they are well formed, need fewer than 16 places, and have whole numbers only.
double evaluateFormula(const ember_model &model, const char *formula) {
  double stack[16];
  int top = 0;
  for (const char *word = formula; *word;) {
    size_t length = strcspn(word, " ");
    auto is = [&](const char *name) { return strlen(name) == length && strncmp(word, name, length) == 0; };
    if (is("neg")) {
      stack[top - 1] = -stack[top - 1];
    } else if (is("sqrt")) {
      stack[top - 1] = sqrt(stack[top - 1]);
    } else if (is("add") || is("sub") || is("mul") || is("div") || is("pow") || is("less")) {
      double right = stack[--top], &left = stack[top - 1];
      left = is("add")   ? left + right
             : is("sub") ? left - right
             : is("mul") ? left * right
             : is("div") ? left / right
             : is("pow") ? pow(left, right)
                         : (left < right ? 1.0 : 0.0);
    } else if (is("step")) {
      stack[top++] = static_cast<double>(model.steps + 1);
    } else {
      uint32_t hyper = findHyper(*model.desc, word, length);
      stack[top++] = hyper < model.desc->hyper_count ? model.hypers[hyper] : static_cast<double>(strtol(word, nullptr, 10));
    }
    word += length;
    word += strspn(word, " ");
  }
  return stack[0];
}

namespace {

// To f32 such that rounding the result once more, to a narrower float, rounds the double correctly: to odd.
float toOdd(double value) {
  auto nearest = static_cast<float>(value);
  uint32_t bits;
  memcpy(&bits, &nearest, sizeof bits);
  if (!isfinite(value) || static_cast<double>(nearest) == value || (bits & 1))
    return nearest;
  return nextafterf(nearest, static_cast<double>(nearest) < value ? INFINITY : -INFINITY);
}

void storeScalar(uint32_t dtype, void *out, double value) {
  if (dtype == EMBER_F64) {
    memcpy(out, &value, sizeof value);
  } else if (dtype == EMBER_F32) {
    auto narrow = static_cast<float>(value);
    memcpy(out, &narrow, sizeof narrow);
  } else {
    uint16_t bits = dtype == EMBER_BF16 ? ember_rt_to_bf16(toOdd(value)) : ember_rt_to_f16(toOdd(value));
    memcpy(out, &bits, sizeof bits);
  }
}

double loadScalar(uint32_t dtype, const void *from) {
  if (dtype == EMBER_F64) {
    double value;
    memcpy(&value, from, sizeof value);
    return value;
  }
  if (dtype == EMBER_F32) {
    float value;
    memcpy(&value, from, sizeof value);
    return static_cast<double>(value);
  }
  uint16_t bits;
  memcpy(&bits, from, sizeof bits);
  return static_cast<double>(dtype == EMBER_BF16 ? ember_rt_from_bf16(bits) : ember_rt_from_f16(bits));
}

bool isWeight(const ember_state_desc &state) { return state.role == EMBER_ROLE_PARAMETER || state.role == EMBER_ROLE_BUFFER; }

// The number of the held tensor with this name, or state_count with a line.
uint32_t findWeight(ember_model *model, const char *name) {
  const ember_model_desc &desc = *model->desc;
  if (!name) {
    refuse(model, EMBER_BAD_ARGUMENT, "the name of a weight is NULL");
    return desc.state_count;
  }
  for (uint32_t i = 0; i < desc.state_count; ++i)
    if (isWeight(desc.states[i]) && strcmp(desc.states[i].tensor.name, name) == 0)
      return i;
  refuse(model, EMBER_BAD_ARGUMENT, "there is no weight '%.100s'", name);
  return desc.state_count;
}

// A hyper-parameter's number, or hyper_count with a line. `lr` stands for every group's.
uint32_t hyperNamed(ember_model *model, const char *name, uint32_t from = 0) {
  const ember_model_desc &desc = *model->desc;
  for (uint32_t i = from; name && i < desc.hyper_count; ++i)
    if (strcmp(desc.hypers[i].name, name) == 0 || strcmp(desc.hypers[i].option, name) == 0)
      return i;
  if (from)
    return desc.hyper_count;
  char known[256] = "";
  for (uint32_t i = 0; i < desc.hyper_count; ++i)
    if (size_t used = strlen(known); !desc.hypers[i].fixed && used + strlen(desc.hypers[i].name) + 3 < sizeof known) {
      strcat(known, used ? ", " : "");
      strcat(known, desc.hypers[i].name);
    }
  if (name)
    refuse(model, EMBER_BAD_ARGUMENT, "there is no hyper-parameter '%.100s', expected one of %s", name, known);
  else
    refuse(model, EMBER_BAD_ARGUMENT, "the name of a hyper-parameter is NULL");
  return desc.hyper_count;
}

// Calls `copy` with a weight's own memory, where the tensor is one like it.
template <typename Copy> int withWeight(ember_model *model, const char *name, const ember_tensor *tensor, Copy copy) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  uint32_t number = findWeight(model, name);
  if (number == model->desc->state_count)
    return EMBER_BAD_ARGUMENT;
  if (!tensor)
    return refuse(model, EMBER_BAD_ARGUMENT, "weight '%s': the tensor is NULL", name);
  const ember_signature &own = model->desc->states[number].tensor;
  if (int status = check(model, "weight", *tensor, own))
    return status;
  copy(static_cast<char *>(model->states[number]), bytesOf(own));
  return EMBER_OK;
}

} // namespace

} // namespace ember::rt

using namespace ember::rt;

extern "C" {

int ember_rt_model_step(ember_model *model, const ember_tensor *inputs, uint32_t input_count, double *loss) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  const ember_function_desc &desc = *model->step.desc;
  if (!loss)
    return refuse(model, EMBER_BAD_ARGUMENT, "the pointer to the loss is NULL");
  if (int status = checkInputs(model, model->step, inputs, input_count))
    return status;
  for (uint32_t i = 0; i < model->desc->state_count; ++i)
    if (const ember_state_desc &state = model->desc->states[i]; state.formula)
      storeScalar(state.tensor.dtype, model->states[i], evaluateFormula(*model, state.formula));
  alignas(64) char scalar[64];
  model->step.results[0] = scalar;
  if (int status = runFunction(model, model->step, inputs))
    return status;
  ++model->steps;
  *loss = loadScalar(desc.outputs[0].dtype, scalar);
  return EMBER_OK;
}

int ember_rt_model_set_hyper(ember_model *model, const char *name, double value) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  const ember_model_desc &desc = *model->desc;
  uint32_t first = hyperNamed(model, name);
  if (first == desc.hyper_count)
    return EMBER_BAD_ARGUMENT;
  if (!isfinite(value) || value < 0)
    return refuse(model, EMBER_BAD_ARGUMENT, "hyper-parameter '%s' is %g, expected a finite number of at least 0", name, value);
  for (uint32_t i = first; i < desc.hyper_count; i = hyperNamed(model, name, i + 1))
    if (desc.hypers[i].fixed && value != desc.hypers[i].value)
      return refuse(model, EMBER_BAD_ARGUMENT, "hyper-parameter '%s' is %g for good: the step was recorded with it, found %g",
                    name, desc.hypers[i].value, value);
  for (uint32_t i = first; i < desc.hyper_count; i = hyperNamed(model, name, i + 1))
    model->hypers[i] = value;
  return EMBER_OK;
}

int ember_rt_model_get_hyper(ember_model *model, const char *name, double *value) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  if (!value)
    return refuse(model, EMBER_BAD_ARGUMENT, "the pointer to the value is NULL");
  uint32_t number = hyperNamed(model, name);
  if (number == model->desc->hyper_count)
    return EMBER_BAD_ARGUMENT;
  *value = model->hypers[number];
  return EMBER_OK;
}

const char *ember_rt_model_hyper_name(const ember_model *model, uint32_t number) {
  return model && number < model->desc->hyper_count ? model->desc->hypers[number].name : nullptr;
}

int ember_rt_model_seed(ember_model *model, uint64_t seed) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  ember_generator generator;
  ember_rt_seed(&generator, seed);
  ember_rt_get_state(&generator, static_cast<uint8_t *>(model->states[model->desc->generator]));
  return EMBER_OK;
}

int ember_rt_model_permutation(ember_model *model, int64_t *out, int64_t count) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  if (count < 0 || (!out && count > 0))
    return refuse(model, EMBER_BAD_ARGUMENT,
                  out ? "a permutation of %lld numbers was asked for" : "the pointer to %lld numbers is NULL",
                  static_cast<long long>(count));
  auto *state = static_cast<uint8_t *>(model->states[model->desc->generator]);
  ember_generator generator, sampler;
  ember_rt_set_state(&generator, state);
  constexpr uint64_t positive = ~(1ull << 63);
  ember_rt_random64(&generator); // the base seed of a loader's workers
  ember_rt_seed(&sampler, ember_rt_random64(&generator) & positive);
  ember_rt_get_state(&generator, state);
  ember_rt_randperm(&sampler, out, count);
  return EMBER_OK;
}

uint32_t ember_rt_model_weight_count(const ember_model *model) {
  uint32_t count = 0;
  for (uint32_t i = 0; model && i < model->desc->state_count; ++i)
    count += isWeight(model->desc->states[i]);
  return count;
}

int ember_rt_model_weight(ember_model *model, uint32_t number, const char **name, ember_tensor *tensor) {
  if (!model)
    return EMBER_BAD_ARGUMENT;
  Locked lock(model);
  if (!name || !tensor)
    return refuse(model, EMBER_BAD_ARGUMENT, "the pointer to a weight's %s is NULL", name ? "description" : "name");
  const ember_model_desc &desc = *model->desc;
  uint32_t seen = 0;
  for (uint32_t i = 0; i < desc.state_count; ++i)
    if (const ember_signature &own = desc.states[i].tensor; isWeight(desc.states[i]) && seen++ == number) {
      *name = own.name;
      *tensor = {own.dtype, own.rank, own.dims, nullptr};
      return EMBER_OK;
    }
  return refuse(model, EMBER_BAD_ARGUMENT, "weight %u was asked for, there are %u", number, seen);
}

int ember_rt_model_get_weight(ember_model *model, const char *name, ember_tensor *tensor) {
  return withWeight(model, name, tensor, [&](char *held, size_t bytes) { memcpy(tensor->data, held, bytes); });
}

int ember_rt_model_set_weight(ember_model *model, const char *name, const ember_tensor *tensor) {
  return withWeight(model, name, tensor, [&](char *held, size_t bytes) { memcpy(held, tensor->data, bytes); });
}

} // extern "C"
