/* The runtime's C interface: programs as data, the pool that runs them, memory, random numbers, .npy and checkpoint files.
   Needs libc, libm and libpthread alone. */
#ifndef EMBER_RT_H
#define EMBER_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EMBER_RT_ABI 3u

typedef enum {
  EMBER_F64,
  EMBER_F32,
  EMBER_BF16,
  EMBER_F16,
  EMBER_I64,
  EMBER_I32,
  EMBER_I16,
  EMBER_I8,
  EMBER_U8,
  EMBER_BOOL /* one byte, 0 or 1 */
} ember_dtype;

/* Bytes of one element. */
size_t ember_rt_dtype_size(uint32_t dtype);
/* "f32" and so on; "?" for a number that is no dtype. */
const char *ember_rt_dtype_name(uint32_t dtype);

/* A fault of a run: an index out of range. op < 0: none. Of several it is that of the op with the least number and, there, the
   largest index as an unsigned number: whatever threads and vectors met first. */
typedef struct {
  int32_t op, lock;
  int64_t value, bound;
} ember_fault;
/* The number of an op that no program had. */
#define EMBER_UNKNOWN_OP 0x7fffffff

/* Called by kernels; ops are numbered by their places in the kernel's body. */
void ember_rt_note_fault(ember_fault *fault, int32_t op, int64_t value, int64_t bound);

/* A kernel does the units [begin, end) of its work. buffers: operands, then results. params: sizes it asked for. scratch: this
   thread's own, as large as the launch says. */
typedef void (*ember_kernel_fn)(void *const *buffers, const int64_t *params, void *scratch, ember_fault *fault, int64_t begin,
                                int64_t end);

typedef enum { EMBER_ARENA, EMBER_ARGUMENT, EMBER_RESULT, EMBER_CONSTANT } ember_buffer_kind;
/* ARENA, CONSTANT: index of the value that holds the byte offset. ARGUMENT, RESULT: its number. */
typedef struct {
  uint32_t kind, index;
} ember_buffer_ref;

/* extent, scratch: indices of values (units of work; bytes per thread). Ranges are multiples of grain. ops: by number in the
   kernel, the op's number in the program as it was recorded; NULL where nothing can fault. */
typedef struct {
  const char *name;
  ember_kernel_fn kernel;
  const ember_buffer_ref *buffers;
  const uint32_t *params; /* indices of values */
  const int32_t *ops;
  uint32_t buffer_count, param_count, extent, scratch, grain;
  float nanoseconds_per_unit;
} ember_launch;

/* Memory that a value needs while launches first to last run. offset: where ember_rt_place puts it. */
typedef struct {
  int64_t bytes, first, last, offset;
} ember_lifetime;
/* bytes: where the arena ends. live_bytes: the largest set of bytes that live at once; no arena is smaller. */
typedef struct {
  int64_t bytes, live_bytes;
} ember_arena;
/* Finds offsets where no two values that live at once overlap. The same lifetimes give the same offsets. 0, or -1 when the sum of
   all bytes is no number or there is no memory to plan in. */
int ember_rt_place(ember_lifetime *items, uint32_t count, ember_arena *arena);

/* A value of the arena. offset, bytes: indices of values; the bytes are not rounded up yet. */
typedef struct {
  uint32_t offset, bytes;
  int32_t first, last;
} ember_arena_value;

/* Where an op that can fault was recorded: `model.cpp:41:9: gather`. */
typedef struct {
  int32_t op;
  const char *text;
} ember_op_place;

/* A program is data: its launches in order. Values are offsets, extents, dims, and bytes of scratch a thread. Where no size has a
   name (size_count 0) they are static_values; else ember_rt_resolve computes them: value_code holds, value after value, the
   number of its terms, and for each the coefficient, the number of its factors and the index of each factor among the sizes. */
typedef struct {
  uint32_t abi, argument_count, result_count, launch_count, value_count, size_count, arena_value_count;
  const ember_launch *launches;
  const int64_t *static_values, *value_code;
  const char *const *size_names;
  const ember_arena_value *arena_values;
  const ember_op_place *op_places;     /* of all that can fault, by op */
  uint32_t arena_bytes, scratch_bytes; /* indices of values */
  uint32_t fault_launches;             /* launches before this number can fault; later ones run only when none did */
  uint32_t op_place_count;
} ember_program;

/* Where an op of a program was recorded; "" where that is not known. */
const char *ember_rt_place_of_op(const ember_program *program, int32_t op);

/* Reads one value's code and steps behind it. 0, or -1 when the value is no 64-bit number. */
int ember_rt_evaluate(const int64_t **code, const int64_t *sizes, int64_t *value);
/* A tensor's bytes in the arena: whole cache lines, and one more, because whole vectors of an empty tensor may be addressed. */
int64_t ember_rt_padded_bytes(int64_t bytes);
/* The values of a program with named sizes for these sizes: the arena is laid out for them. 0, or -1 when it has no place in
   memory, or a size in it comes out below 0. arena may be NULL. */
int ember_rt_resolve(const ember_program *program, const int64_t *sizes, int64_t *values, ember_arena *arena);

/* An environment variable cannot be used: one line on stderr, `ember: NAME is 'VALUE', expected EXPECTED`, once for each name
   (text that stays). `expected` also says what holds instead. */
void ember_rt_note_variable(const char *name, const char *value, const char *expected);

/* Threads that run launches: the caller and count - 1 workers. */
typedef struct ember_pool ember_pool;
/* count 0: EMBER_NUM_THREADS, else the processors of this process; at most 1024. Where the system starts fewer threads, the pool
   has those. NULL when out of memory. */
ember_pool *ember_rt_pool_create(unsigned count);
void ember_rt_pool_destroy(ember_pool *pool);
unsigned ember_rt_pool_size(const ember_pool *pool);
/* Calls task(context, begin, end, thread) for parts of [0, extent) whose ends are multiples of grain. */
void ember_rt_parallel(ember_pool *pool, int64_t extent, int64_t grain, unsigned parts,
                       void (*task)(void *context, int64_t begin, int64_t end, unsigned thread), void *context);

/* Runs a program. arena: values[arena_bytes] bytes, 64-byte aligned; scratch: values[scratch_bytes] bytes a thread. 0, or -1 when
   there was a fault, whose op is numbered as in the program: then nothing that aliases an argument has been written. */
int ember_rt_run(const ember_program *program, ember_pool *pool, const int64_t *values, void *const *arguments,
                 void *const *results, void *arena, void *scratch, const void *constants, ember_fault *fault);
/* The same; adds each launch's time to nanoseconds[launch] where that is not NULL. */
int ember_rt_run_timed(const ember_program *program, ember_pool *pool, const int64_t *values, void *const *arguments,
                       void *const *results, void *arena, void *scratch, const void *constants, ember_fault *fault,
                       int64_t *nanoseconds);

/* 64-byte aligned memory; at least 64 bytes, so that an empty tensor has an address. NULL when there is none. */
void *ember_rt_allocate(size_t bytes);
void ember_rt_free(void *memory);
/* Bytes now allocated, and the most there were since the last reset. */
int64_t ember_rt_live_bytes(void);
int64_t ember_rt_peak_bytes(void);
void ember_rt_reset_peak(void);

/* MT19937 and the draws that PyTorch makes of it, bit for bit (torch 2.11, CPU). */
typedef struct {
  uint64_t seed;
  uint32_t state[624];
  uint32_t next, left;
  double cached_normal;
  int32_t has_cached_normal;
} ember_generator;
void ember_rt_seed(ember_generator *generator, uint64_t seed);
uint32_t ember_rt_random32(ember_generator *generator);
uint64_t ember_rt_random64(ember_generator *generator); /* the first word is the high half */
/* count elements of a float dtype: uniform in [low, high); normal. */
void ember_rt_uniform(ember_generator *generator, uint32_t dtype, void *out, int64_t count, double low, double high);
void ember_rt_normal(ember_generator *generator, uint32_t dtype, void *out, int64_t count, double mean, double deviation);
/* In the order that PyTorch takes for tensors that do not lie in one piece, and below 16 elements. */
void ember_rt_normal_singly(ember_generator *generator, uint32_t dtype, void *out, int64_t count, double mean, double deviation);
/* count numbers 0 or 1 of any dtype: 1 with probability p; two words each. */
void ember_rt_bernoulli(ember_generator *generator, uint32_t dtype, void *out, int64_t count, double p);
/* count integers of any dtype in [low, high). */
void ember_rt_randint(ember_generator *generator, uint32_t dtype, void *out, int64_t count, int64_t low, int64_t high);
void ember_rt_randperm(ember_generator *generator, int64_t *out, int64_t count);
/* As if so many words had been drawn. */
void ember_rt_skip(ember_generator *generator, uint64_t words);
/* PyTorch's 5056 bytes of generator state. set: 0, or -1 when they are no such state. */
void ember_rt_get_state(const ember_generator *generator, uint8_t bytes[5056]);
int ember_rt_set_state(ember_generator *generator, const uint8_t bytes[5056]);

/* Kernels of random ops: draw count values from the state's 5056 bytes and write the state after them, perhaps in the same
   memory, where next is not NULL. a, b: low and high; mean and deviation; the probability of 1; none. */
void ember_rt_draw_uniform(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b);
void ember_rt_draw_normal(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b);
void ember_rt_draw_normal_singly(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a,
                                 double b);
/* a and b: the bits of two int64, low and high; zeros where low is not below high. */
void ember_rt_draw_randint(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b);
void ember_rt_draw_bernoulli(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b);
void ember_rt_draw_randperm(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b);

/* Conversions, to nearest even. */
uint16_t ember_rt_to_bf16(float value);
float ember_rt_from_bf16(uint16_t bits);
uint16_t ember_rt_to_f16(float value);
float ember_rt_from_f16(uint16_t bits);

#define EMBER_RT_MAX_RANK 16
/* A tensor of a file. data is owned: ember_rt_free. */
typedef struct {
  uint32_t dtype, rank;
  int64_t dims[EMBER_RT_MAX_RANK];
  void *data;
} ember_array;

/* .npy, versions 1 to 3, little endian, C or Fortran order. 0, or -1 with one line in error. */
int ember_rt_read_npy(const char *path, ember_array *array, char *error, size_t error_size);
int ember_rt_write_npy(const char *path, uint32_t dtype, uint32_t rank, const int64_t *dims, const void *data, char *error,
                       size_t error_size);

/* Writes a file aside, syncs it and renames it: the old or the new content, never a part. What writers of the same file left
   when they were killed is removed. */
typedef struct ember_file ember_file;
ember_file *ember_rt_file_create(const char *path, char *error, size_t error_size);
int ember_rt_file_write(ember_file *file, const void *bytes, size_t count);
/* Whoever may read it may execute it. */
int ember_rt_file_make_executable(ember_file *file);
/* commit 0 throws the new content away. 0, or -1 with one line in error. */
int ember_rt_file_close(ember_file *file, int commit, char *error, size_t error_size);

/* A tensor at the C interface: row-major. */
typedef struct {
  uint32_t dtype, rank;
  const int64_t *dims;
  void *data;
} ember_tensor;

/* What functions of a model return; the line is in ember_rt_model_error. */
typedef enum {
  EMBER_OK = 0,
  EMBER_BAD_ARGUMENT = -1, /* NULL, a wrong count, dtype, shape or name */
  EMBER_FAULT_NOTED = -2,  /* an index out of range in the data; the model is as before the call */
  EMBER_BAD_FILE = -3,     /* cannot be read or written, or does not fit; the model is as before the call */
  EMBER_NO_MEMORY = -4
} ember_status;

/* What an argument of a program holds, as in ir/Signature.h. */
typedef enum {
  EMBER_ROLE_INPUT,
  EMBER_ROLE_PARAMETER,
  EMBER_ROLE_BUFFER,
  EMBER_ROLE_CONSTANT,
  EMBER_ROLE_GENERATOR,
  EMBER_ROLE_HYPER,
  EMBER_ROLE_OPTIMIZER
} ember_role;

/* dims: numbers; NULL where a size has a name. Then dim_code is every dimension over the function's sizes, as ember_rt_evaluate
   reads it, and dim_texts how it is written, `2*S`. */
typedef struct {
  const char *name;
  uint32_t dtype, rank;
  const int64_t *dims, *dim_code;
  const char *const *dim_texts;
} ember_signature;

/* A tensor that a model holds. Parameters and buffers are named by module path, optimizer state by parameter (`3.exp_avg`).
   formula: of a hyper-parameter's scalar, computed before every step. offset: of its first value in the weights. */
typedef struct {
  ember_signature tensor;
  uint32_t role;
  const char *formula;
  uint64_t offset;
} ember_state_desc;

/* A program of a model. Its arguments are the inputs, then held tensors (states: their numbers); its results the outputs, then
   the next values of held tensors (updates: their numbers), in their own memory where in_place says 1. Every named size of the
   program follows from a dimension `c*name + d` of an input; size_ranges: the least and the largest value of each. Held tensors
   have no named sizes. */
typedef struct {
  const ember_program *program_v3, *program_v4; /* for AVX2, for AVX-512; NULL: the model has no such program */
  uint32_t input_count, output_count, state_count, update_count;
  const ember_signature *inputs, *outputs;
  const uint32_t *states, *updates, *in_place;
  const int64_t *size_ranges;
} ember_function_desc;

/* An option of a parameter group of the optimizer. name: `lr`, or `lr.1` where there are several groups. fixed: the program was
   recorded for this value alone. */
typedef struct {
  const char *name, *option;
  uint32_t group, fixed;
  double value;
} ember_hyper_desc;

/* What an artifact holds. Only models that train have hyper-parameters, a step and a generator. */
typedef struct {
  uint32_t abi, state_count, hyper_count, group_count;
  const char *name;
  ember_function_desc predict, step;
  const ember_state_desc *states;
  const void *weights;
  uint64_t weight_bytes;
  const ember_hyper_desc *hypers;
  const uint32_t *group_sizes; /* parameters by group: optimizer state counts them through */
  uint64_t steps;              /* that the optimizer has taken when the model is created */
  uint32_t counts_steps;       /* 1: checkpoints hold their number */
  int32_t generator;           /* the held tensor that is its state; -1: none */
} ember_model_desc;

/* A model ready to run. Each holds its own memory and threads; nothing is global. Calls on one model are serial, from any
   thread. Functions return an ember_status unless they say otherwise. */
typedef struct ember_model ember_model;
/* threads 0: as many as processors; at most 1024. NULL when out of memory or where the processor has no AVX2. */
ember_model *ember_rt_model_create(const ember_model_desc *desc, unsigned threads);
void ember_rt_model_destroy(ember_model *model);
/* EMBER_RT_ABI of the runtime. */
uint32_t ember_rt_abi(void);
/* The last error of this model, one line. */
const char *ember_rt_model_error(const ember_model *model);
/* Outputs are the caller's memory, with their dtype and dims filled in. With named sizes the arena is laid out for a call's
   sizes, kept for the next one, and made larger where that needs more. */
int ember_rt_model_run(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,
                       uint32_t output_count);
/* The dims of an output for inputs of these dtypes and dims; their data is not looked at. dims: room for the output's rank. */
int ember_rt_model_output_dims(ember_model *model, const ember_tensor *inputs, uint32_t input_count, uint32_t output,
                               int64_t *dims);

/* One step of training: forward, backward and the optimizer's update. After an error everything is as before the call. */
int ember_rt_model_step(ember_model *model, const ember_tensor *inputs, uint32_t input_count, double *loss);
/* Hyper-parameters, finite and at least 0; `lr` means that of every group. */
int ember_rt_model_set_hyper(ember_model *model, const char *name, double value);
int ember_rt_model_get_hyper(ember_model *model, const char *name, double *value);
/* The number-th name; NULL behind the last. */
const char *ember_rt_model_hyper_name(const ember_model *model, uint32_t number);
/* Seeds the generator as PyTorch's manual_seed does. */
int ember_rt_model_seed(ember_model *model, uint64_t seed);
/* The order of an epoch's samples: the draws of a shuffling DataLoader, base seed first. */
int ember_rt_model_permutation(ember_model *model, int64_t *out, int64_t count);
/* Parameters and buffers. weight: the number-th one's name, dtype and dims (which live as long as the model); data becomes NULL.
 */
uint32_t ember_rt_model_weight_count(const ember_model *model);
int ember_rt_model_weight(ember_model *model, uint32_t number, const char **name, ember_tensor *tensor);
/* Copies out to, and in from, the caller's memory, whose dtype and dims are filled in. */
int ember_rt_model_get_weight(ember_model *model, const char *name, ember_tensor *tensor);
int ember_rt_model_set_weight(ember_model *model, const char *name, const ember_tensor *tensor);
/* A checkpoint of model, optimizer and generator, as ember::save writes and ember::load reads it. */
int ember_rt_model_save(ember_model *model, const char *path);
int ember_rt_model_load(ember_model *model, const char *path);

/* The main function of a standalone executable: .npy files in, .npy files out. */
int ember_rt_main(const ember_model_desc *desc, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
