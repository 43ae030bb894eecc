/* Calls libnamed.so, a model with named sizes: x f32[2*B, 5] and y f32[B, 5] give f32[B, 7]; B is at least 1, at most 4096.
     named_sizes run X.bin Y.bin B...     the outputs for each B, as bytes on standard output
     named_sizes mistakes                 what each wrong call gives
     named_sizes threads X.bin Y.bin      several threads at several sizes: one model, and one each
     named_sizes memory                   too little memory, then enough again */
#include "libnamed.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MOST = 4096, ROUNDS = 50 };
static float x[2 * MOST * 5], y[MOST * 5], z[MOST * 7];

static int read_floats(const char *path, float *to, size_t most) {
  FILE *file = fopen(path, "rb");
  size_t count = file ? fread(to, sizeof *to, most, file) : 0;
  if (file)
    fclose(file);
  return count == most ? 0 : -1;
}

/* Through the general interface, which says how large the output is. */
static int run_general(ember_model *model, int64_t b, float *out) {
  int64_t x_dims[] = {2 * b, 5}, y_dims[] = {b, 5}, out_dims[2];
  ember_tensor inputs[] = {{1, 2, x_dims, x}, {1, 2, y_dims, y}}, output = {1, 2, out_dims, out};
  int32_t status = named_output_dims(model, inputs, 2, 0, out_dims);
  if (status != 0 || out_dims[0] != b || out_dims[1] != 7)
    return -1;
  return named_run(model, inputs, 2, &output, 1);
}

static int run_typed(ember_model *model, int64_t b, float *out) {
  named_run_inputs inputs = {b, x, y};
  named_run_outputs outputs = {out};
  return named_run_typed(model, &inputs, &outputs);
}

static int run(int count, char **sizes) {
  ember_model *model = named_create(2);
  for (int i = 0; i < count; ++i) {
    int64_t b = atoi(sizes[i]);
    static float again[MOST * 7];
    if (run_general(model, b, z) != 0 || run_typed(model, b, again) != 0)
      return fprintf(stderr, "%s\n", named_error(model)), 1;
    if (memcmp(z, again, (size_t)b * 7 * sizeof *z) != 0)
      return fprintf(stderr, "the typed call gives other bits\n"), 1;
    fwrite(z, sizeof *z, (size_t)b * 7, stdout);
  }
  named_destroy(model);
  return 0;
}

static void report(ember_model *model, int32_t status) { printf("%d %s\n", (int)status, status ? named_error(model) : "good"); }

static int mistakes(void) {
  ember_model *model = named_create(1);
  static const int64_t shapes[][4] = {/* of x, then of y */
                                      {6, 5, 4, 5},
                                      {7, 5, 3, 5},
                                      {7, 5, 7, 5},
                                      {6, 4, 3, 5},
                                      {0, 5, 0, 5},
                                      {8194, 5, 4097, 5},
                                      {-2, 5, -1, 5},
                                      {INT64_MAX, 5, 3, 5},
                                      {INT64_MAX - 1, 5, INT64_MAX / 2, 5},
                                      {INT64_MIN, 5, INT64_MIN, 5},
                                      {6, 5, 3, INT64_MAX}};
  int64_t out_dims[] = {3, 7}, wrong_out[] = {4, 7}, dims[2];
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    ember_tensor inputs[] = {{1, 2, shapes[i], x}, {1, 2, shapes[i] + 2, y}}, output = {1, 2, out_dims, z};
    report(model, named_run(model, inputs, 2, &output, 1));
  }
  const int64_t x_dims[] = {6, 5}, y_dims[] = {3, 5};
  ember_tensor good[] = {{1, 2, x_dims, x}, {1, 2, y_dims, y}}, null_data[] = {{1, 2, x_dims, NULL}, {1, 2, y_dims, y}},
               doubles[] = {{0, 2, x_dims, x}, {1, 2, y_dims, y}}, flat[] = {{1, 1, x_dims, x}, {1, 2, y_dims, y}},
               no_dims[] = {{1, 2, x_dims, x}, {1, 2, NULL, y}};
  ember_tensor output = {1, 2, out_dims, z}, large = {1, 2, wrong_out, z}, nothing = {1, 2, out_dims, NULL};
  report(model, named_run(model, null_data, 2, &output, 1));
  report(model, named_run(model, doubles, 2, &output, 1));
  report(model, named_run(model, flat, 2, &output, 1));
  report(model, named_run(model, no_dims, 2, &output, 1));
  report(model, named_run(model, good, 2, &large, 1));
  report(model, named_run(model, good, 2, &nothing, 1));
  report(model, named_run(model, good, 1, &output, 1));
  report(model, named_output_dims(model, good, 2, 1, dims));
  report(model, named_output_dims(model, good, 2, 0, NULL));
  report(model, named_output_dims(model, NULL, 2, 0, dims));
  report(model, named_output_dims(model, null_data, 2, 0, dims));
  named_run_inputs inputs = {3, x, NULL}, negative = {-3, x, y}, huge = {INT64_MAX, x, y};
  named_run_outputs outputs = {z};
  report(model, named_run_typed(model, &inputs, &outputs));
  report(model, named_run_typed(model, &negative, &outputs));
  report(model, named_run_typed(model, &huge, &outputs));
  report(model, named_run_typed(model, NULL, &outputs));
  printf("%d the model is NULL\n", (int)named_output_dims(NULL, good, 2, 0, dims));
  report(model, named_run(model, good, 2, &output, 1));
  named_destroy(model);
  return 0;
}

struct Turn {
  ember_model *model;
  int64_t b;
  const float *expected;
  int failures;
};

static void *take_turns(void *context) {
  struct Turn *own = context;
  float *out = malloc((size_t)own->b * 7 * sizeof *out);
  for (int i = 0; i < ROUNDS; ++i)
    own->failures +=
        run_general(own->model, own->b, out) != 0 || memcmp(out, own->expected, (size_t)own->b * 7 * sizeof *out) != 0;
  free(out);
  return NULL;
}

static int threads(void) {
  static float expected[4][300 * 7];
  static const int64_t sizes[4] = {1, 300, 17, 64};
  pthread_t ids[4];
  struct Turn turns[4];
  int failures = 0;
  for (int shared = 0; shared < 2; ++shared) {
    ember_model *one = named_create(2);
    for (int i = 0; i < 4; ++i) {
      turns[i] = (struct Turn){shared ? one : named_create(1), sizes[i], expected[i], 0};
      failures += run_general(one, sizes[i], expected[i]) != 0;
    }
    for (int i = 0; i < 4; ++i)
      pthread_create(&ids[i], NULL, take_turns, &turns[i]);
    for (int i = 0; i < 4; ++i) {
      pthread_join(ids[i], NULL);
      failures += turns[i].failures;
      if (!shared)
        named_destroy(turns[i].model);
    }
    named_destroy(one);
  }
  printf("%d failures\n", failures);
  return failures != 0;
}

/* Tensors between kernels need memory when the largest size comes. */
static int memory(void) {
  ember_model *model = named_create(1);
  report(model, run_general(model, 3, z));
  struct rlimit limit, none = {0, 0};
  getrlimit(RLIMIT_AS, &limit);
  none.rlim_max = limit.rlim_max;
  setrlimit(RLIMIT_AS, &none);
  int32_t status = run_general(model, MOST, z);
  setrlimit(RLIMIT_AS, &limit);
  report(model, status);
  report(model, run_general(model, 3, z));
  report(model, run_general(model, MOST, z));
  named_destroy(model);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "mistakes") == 0)
    return mistakes();
  if (argc == 2 && strcmp(argv[1], "memory") == 0)
    return memory();
  if (argc < 4 || read_floats(argv[2], x, 2 * MOST * 5) != 0 || read_floats(argv[3], y, MOST * 5) != 0)
    return fprintf(stderr, "usage: see the top of named_sizes.c\n"), 1;
  return strcmp(argv[1], "threads") == 0 ? threads() : run(argc - 4, argv + 4);
}
