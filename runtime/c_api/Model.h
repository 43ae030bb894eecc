// What a model of an artifact is in memory.
#pragma once

#include "runtime/include/ember_rt.h"

#include <pthread.h>
#include <string.h>

/// A program of a model with room for the pointers of a run.
struct ember_model_function {
  const ember_function_desc *desc;
  const ember_program *program; // null: the model has none
  void **arguments, **results;
  const int64_t *values;        // of the program, for the sizes it ran with last where they have names
  int64_t *sizes, *valuesSizes; // by number: for the inputs that were checked last, and those that `named` is for
  int64_t *named;               // values of a program with named sizes
};

struct ember_model {
  const ember_model_desc *desc;
  ember_model_function predict, step;
  ember_pool *pool;
  void *arena, *scratch; // for the largest sizes so far
  int64_t arenaBytes, scratchBytes;
  char *memory;  // held tensors of a model that trains
  void **states; // by number: where a held tensor lies now
  void **spares; // by number: where its next value goes, where it is updated and not written in place
  double *hypers;
  uint64_t steps; // taken by the optimizer
  pthread_mutex_t mutex;
  char error[512];
};

namespace ember::rt {

/// Holds a model's lock.
class Locked {
public:
  explicit Locked(ember_model *model) : model(model) { pthread_mutex_lock(&model->mutex); }
  ~Locked() { pthread_mutex_unlock(&model->mutex); }
  Locked(const Locked &) = delete;

private:
  ember_model *model;
};

/// Notes one line, with the model's name before it, and gives the status back.
int refuse(ember_model *model, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// `f32[3, 4]`.
void describe(char *out, size_t size, uint32_t dtype, uint32_t rank, const int64_t *dims);
/// Of a signature without named sizes.
size_t bytesOf(const ember_signature &signature);
/// EMBER_OK, or a line that says how the tensor does not fit a signature without named sizes. `what`: `weight`.
int check(ember_model *model, const char *what, const ember_tensor &tensor, const ember_signature &signature);
/// Checks inputs against a function's, and finds its sizes.
int checkInputs(ember_model *model, ember_model_function &function, const ember_tensor *inputs, uint32_t count,
                bool needsData = true);
/// For inputs that have been checked: what an output's dims are, and whether a tensor is such an output.
int outputDims(ember_model *model, const ember_model_function &function, uint32_t output, int64_t *dims);
int checkOutput(ember_model *model, const ember_model_function &function, uint32_t output, const ember_tensor &tensor);
/// Notes that there is no memory for a run with these sizes.
int refuseMemory(ember_model *model, const ember_model_function &function);

/// Runs a function whose inputs have been checked; its first `results` are the outputs' memory. Held tensors that it updates
/// change only where it succeeds.
int runFunction(ember_model *model, ember_model_function &function, const ember_tensor *inputs);

/// The value of a formula in reverse Polish notation over whole numbers, hyper-parameters and `step`, in double.
/// `step` is the step that is being taken.
double evaluateFormula(const ember_model &model, const char *formula);
/// The number of a hyper-parameter, or hyper_count.
uint32_t findHyper(const ember_model_desc &desc, const char *name, size_t length);

} // namespace ember::rt
