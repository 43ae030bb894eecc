// Whether tensors fit a signature, and what its named sizes are for them.
#include "runtime/c_api/Model.h"

#include <stdarg.h>
#include <stdio.h>

namespace ember::rt {

namespace {

// No address space holds more: the caller's memory cannot be as large.
constexpr int64_t kMostBytes = 1ll << 47;
constexpr int64_t kUnknown = -1;

// Text that is cut where it does not fit.
class Line {
public:
  Line() { text[0] = 0; }
  __attribute__((format(printf, 2, 3))) Line &add(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(text + length, sizeof text - length, format, arguments);
    va_end(arguments);
    if (more > 0)
      length = length + static_cast<size_t>(more) < sizeof text ? length + static_cast<size_t>(more) : sizeof text - 1;
    return *this;
  }
  // `f32[3, 4]`
  Line &addShape(uint32_t dtype, uint32_t rank, const int64_t *dims) {
    add("%s[", ember_rt_dtype_name(dtype));
    for (uint32_t i = 0; i < rank; ++i)
      add(i ? ", %lld" : "%lld", static_cast<long long>(dims[i]));
    return add("]");
  }
  // `f32[B, 4]`
  Line &addSignature(const ember_signature &own) {
    if (!own.dim_texts)
      return addShape(own.dtype, own.rank, own.dims);
    add("%s[", ember_rt_dtype_name(own.dtype));
    for (uint32_t i = 0; i < own.rank; ++i)
      add(i ? ", %s" : "%s", own.dim_texts[i]);
    return add("]");
  }
  // `B = 3, S = 5`
  Line &addSizes(const ember_model_function &function) {
    for (uint32_t i = 0; i < function.program->size_count; ++i)
      add(i ? ", %s = %lld" : "%s = %lld", function.program->size_names[i], static_cast<long long>(function.sizes[i]));
    return *this;
  }
  const char *str() const { return text; }

private:
  char text[200];
  size_t length = 0;
};

bool isCountable(uint32_t dtype, uint32_t rank, const int64_t *dims) {
  auto bytes = static_cast<int64_t>(ember_rt_dtype_size(dtype));
  for (uint32_t i = 0; i < rank; ++i)
    if (dims[i] == 0)
      return true;
  for (uint32_t i = 0; i < rank; ++i)
    if (__builtin_mul_overflow(bytes, dims[i], &bytes) || bytes > kMostBytes)
      return false;
  return true;
}

int refuseShape(ember_model *model, const char *what, const ember_signature &own, const ember_tensor &tensor,
                const char *expected, const char *more = "") {
  Line found;
  uint32_t rank = tensor.rank > EMBER_RT_MAX_RANK || !tensor.dims ? 0 : tensor.rank;
  found.addShape(tensor.dtype, rank, tensor.dims);
  return refuse(model, EMBER_BAD_ARGUMENT, "%s '%s' is %s, expected %s%s", what, own.name, found.str(), expected, more);
}

// Whether it is memory of the signature's dtype and rank.
int checkForm(ember_model *model, const char *what, const ember_tensor &tensor, const ember_signature &own, bool needsData) {
  Line expected;
  expected.addSignature(own);
  if (needsData && !tensor.data)
    return refuse(model, EMBER_BAD_ARGUMENT, "%s '%s': the data pointer is NULL, expected %s", what, own.name, expected.str());
  if (tensor.dtype != own.dtype || tensor.rank != own.rank || (tensor.rank && !tensor.dims))
    return refuseShape(model, what, own, tensor, expected.str());
  return EMBER_OK;
}

int checkDims(ember_model *model, const char *what, const ember_tensor &tensor, const ember_signature &own, const int64_t *dims) {
  for (uint32_t i = 0; i < tensor.rank; ++i)
    if (tensor.dims[i] != dims[i]) {
      Line expected;
      expected.addShape(own.dtype, own.rank, dims);
      if (own.dim_texts)
        expected.add(" = ").addSignature(own);
      return refuseShape(model, what, own, tensor, expected.str());
    }
  return EMBER_OK;
}

// ---- named sizes

// Steps behind a size's code; sizes of names that are not known yet make it unknown.
bool isKnown(const int64_t *code, const int64_t *sizes) {
  for (int64_t terms = *code++; terms > 0; --terms) {
    ++code;
    for (int64_t factors = *code++; factors > 0; --factors)
      if (sizes[*code++] == kUnknown)
        return false;
  }
  return true;
}

// Learns the name of `c*name + d`; other dimensions are checked when every name is known.
void learn(const int64_t *code, int64_t found, int64_t *sizes) {
  int64_t name = kUnknown, factor = 0, offset = 0, rest;
  for (int64_t terms = *code++; terms > 0; --terms) {
    int64_t coefficient = *code++, factors = *code++;
    if (factors > 1 || (factors == 1 && name != kUnknown))
      return;
    if (factors == 0) {
      offset = coefficient;
    } else {
      factor = coefficient;
      name = *code++;
    }
  }
  if (name == kUnknown || sizes[name] != kUnknown || found < 0 || __builtin_sub_overflow(found, offset, &rest))
    return;
  if (rest % factor == 0 && rest / factor >= 0)
    sizes[name] = rest / factor;
}

void learnSizes(ember_model_function &function, const ember_tensor *inputs) {
  int64_t dim;
  for (uint32_t i = 0; i < function.program->size_count; ++i)
    function.sizes[i] = kUnknown;
  for (uint32_t i = 0; i < function.desc->input_count; ++i)
    if (const int64_t *code = function.desc->inputs[i].dim_code)
      for (uint32_t d = 0; d < inputs[i].rank; ++d) {
        learn(code, inputs[i].dims[d], function.sizes);
        ember_rt_evaluate(&code, function.sizes, &dim);
      }
}

// `: dimension 0 is 7, expected 2*B = 6`
int checkNamedDims(ember_model *model, const ember_model_function &function, const char *what, const ember_tensor &tensor,
                   const ember_signature &own) {
  const int64_t *code = own.dim_code;
  for (uint32_t d = 0; d < tensor.rank; ++d) {
    int64_t expected;
    bool known = isKnown(code, function.sizes);
    bool isNumber = ember_rt_evaluate(&code, function.sizes, &expected) == 0;
    if (known && isNumber && expected == tensor.dims[d])
      continue;
    Line shape, more;
    more.add(": dimension %u is %lld, expected %s", d, static_cast<long long>(tensor.dims[d]), own.dim_texts[d]);
    bool isPlain = own.dim_texts[d][strspn(own.dim_texts[d], "-0123456789")] == 0;
    if (known && isNumber && !isPlain)
      more.add(" = %lld", static_cast<long long>(expected));
    return refuseShape(model, what, own, tensor, shape.addSignature(own).str(), more.str());
  }
  return EMBER_OK;
}

int checkRanges(ember_model *model, const ember_model_function &function) {
  for (uint32_t i = 0; i < function.program->size_count; ++i) {
    int64_t size = function.sizes[i], least = function.desc->size_ranges[2 * i], most = function.desc->size_ranges[2 * i + 1];
    if (size < least || size > most)
      return refuse(model, EMBER_BAD_ARGUMENT, "the size %s is %lld, expected at %s %lld", function.program->size_names[i],
                    static_cast<long long>(size), size < least ? "least" : "most",
                    static_cast<long long>(size < least ? least : most));
  }
  return EMBER_OK;
}

} // namespace

size_t bytesOf(const ember_signature &signature) {
  size_t bytes = ember_rt_dtype_size(signature.dtype);
  for (uint32_t i = 0; i < signature.rank; ++i)
    bytes *= static_cast<size_t>(signature.dims[i]);
  return bytes;
}

void describe(char *out, size_t size, uint32_t dtype, uint32_t rank, const int64_t *dims) {
  snprintf(out, size, "%s", Line().addShape(dtype, rank, dims).str());
}

int check(ember_model *model, const char *what, const ember_tensor &tensor, const ember_signature &signature) {
  if (int status = checkForm(model, what, tensor, signature, true))
    return status;
  return checkDims(model, what, tensor, signature, signature.dims);
}

int checkInputs(ember_model *model, ember_model_function &function, const ember_tensor *inputs, uint32_t count, bool needsData) {
  const ember_function_desc &desc = *function.desc;
  if ((!inputs && desc.input_count) || count != desc.input_count)
    return refuse(model, EMBER_BAD_ARGUMENT, "expected %u inputs, found %u", desc.input_count, inputs ? count : 0);
  auto forEach = [&](auto checkOne) {
    int status = EMBER_OK;
    for (uint32_t i = 0; i < count && status == EMBER_OK; ++i) {
      char what[32];
      snprintf(what, sizeof what, "input %u", i);
      status = checkOne(what, inputs[i], desc.inputs[i]);
    }
    return status;
  };
  int status = forEach([&](const char *what, const ember_tensor &tensor, const ember_signature &own) {
    int form = checkForm(model, what, tensor, own, needsData);
    return form || own.dim_code ? form : checkDims(model, what, tensor, own, own.dims);
  });
  if (status || function.program->size_count == 0)
    return status;
  learnSizes(function, inputs);
  status = forEach([&](const char *what, const ember_tensor &tensor, const ember_signature &own) {
    if (!own.dim_code)
      return static_cast<int>(EMBER_OK);
    if (int misfit = checkNamedDims(model, function, what, tensor, own))
      return misfit;
    return isCountable(tensor.dtype, tensor.rank, tensor.dims)
               ? static_cast<int>(EMBER_OK)
               : refuseShape(model, what, own, tensor, "no more bytes than memory has");
  });
  return status ? status : checkRanges(model, function);
}

int outputDims(ember_model *model, const ember_model_function &function, uint32_t output, int64_t *dims) {
  const ember_signature &own = function.desc->outputs[output];
  const int64_t *code = own.dim_code;
  bool isSize = true;
  for (uint32_t d = 0; d < own.rank; ++d) {
    dims[d] = code ? 0 : own.dims[d];
    isSize &= !code || (ember_rt_evaluate(&code, function.sizes, &dims[d]) == 0 && dims[d] >= 0);
  }
  if (isSize && isCountable(own.dtype, own.rank, dims))
    return EMBER_OK;
  Line shape, sizes;
  return refuse(model, EMBER_BAD_ARGUMENT, "output %u '%s' cannot be %s with %s", output, own.name, shape.addSignature(own).str(),
                sizes.addSizes(function).str());
}

int checkOutput(ember_model *model, const ember_model_function &function, uint32_t output, const ember_tensor &tensor) {
  char what[32];
  snprintf(what, sizeof what, "output %u", output);
  const ember_signature &own = function.desc->outputs[output];
  if (int status = checkForm(model, what, tensor, own, true))
    return status;
  int64_t dims[EMBER_RT_MAX_RANK];
  if (int status = outputDims(model, function, output, dims))
    return status;
  return checkDims(model, what, tensor, own, dims);
}

int refuseMemory(ember_model *model, const ember_model_function &function) {
  Line sizes;
  if (function.program->size_count)
    sizes.add(" with ").addSizes(function);
  return refuse(model, EMBER_NO_MEMORY, "out of memory%s", sizes.str());
}

} // namespace ember::rt
