/* Trains the digits with the compiled training library, shuffling as the in-process loader does.
   Built with: cc digits_train.c -Iout -Lout -l:libdigits_train.so -Wl,-rpath,out -lm
     digits_train DIGITS.npy EPOCHS [--seed N] [--load FILE] [--save FILE] [--cosine] [--losses]
   --cosine lets the learning rate fall to 0 along a half wave; --losses prints every step's loss, with all its digits. */
#include "libdigits_train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 1797, PIXELS = 64, ROW = PIXELS + 1, HEADER = 128, BATCH = 32, CLASSES = 10 };

static float images[IMAGES][PIXELS], test_images[IMAGES][PIXELS];
static int64_t labels[IMAGES], test_labels[IMAGES], order[IMAGES];

/* Every fifth image is for the test. */
static int read_digits(const char *path, int64_t *training, int64_t *test) {
  static uint8_t rows[IMAGES][ROW];
  FILE *file = fopen(path, "rb");
  int is_read = file && fseek(file, HEADER, SEEK_SET) == 0 && fread(rows, sizeof rows, 1, file) == 1;
  if (file)
    fclose(file);
  if (!is_read)
    return -1;
  *training = *test = 0;
  for (int i = 0; i < IMAGES; ++i) {
    int for_test = i % 5 == 4;
    float *image = for_test ? test_images[*test] : images[*training];
    for (int p = 0; p < PIXELS; ++p)
      image[p] = (float)rows[i][p] / 16;
    if (for_test)
      test_labels[(*test)++] = rows[i][PIXELS];
    else
      labels[(*training)++] = rows[i][PIXELS];
  }
  return 0;
}

/* The last batch of an epoch is a smaller one: the batch is a named size, B. */
static int train_epoch(ember_model *model, int64_t count, int print_losses, double *loss) {
  float batch[BATCH][PIXELS];
  int64_t targets[BATCH];
  digits_train_step_inputs inputs = {0, &batch[0][0], targets};
  if (digits_train_permutation(model, order, count) != 0)
    return -1;
  for (int64_t first = 0; first < count; first += inputs.B) {
    inputs.B = count - first < BATCH ? count - first : BATCH;
    for (int64_t i = 0; i < inputs.B; ++i) {
      memcpy(batch[i], images[order[first + i]], sizeof batch[i]);
      targets[i] = labels[order[first + i]];
    }
    if (digits_train_step_typed(model, &inputs, loss) != 0)
      return -1;
    if (print_losses)
      printf("%.9g\n", *loss);
  }
  return 0;
}

/* Of all test images at once. */
static int accuracy(ember_model *model, int64_t count, double *share) {
  static float logits[IMAGES][CLASSES];
  digits_train_predict_inputs inputs = {count, &test_images[0][0]};
  digits_train_predict_outputs outputs = {&logits[0][0]};
  int64_t right = 0;
  if (digits_train_predict_typed(model, &inputs, &outputs) != 0)
    return -1;
  for (int64_t i = 0; i < count; ++i) {
    int best = 0;
    for (int c = 1; c < CLASSES; ++c)
      if (logits[i][c] > logits[i][best])
        best = c;
    right += best == test_labels[i];
  }
  *share = 100.0 * (double)right / (double)count;
  return 0;
}

/* The rate of the next epoch, as CosineAnnealingLR computes it from this epoch's. */
static int set_rate(ember_model *model, int epoch, int epochs) {
  const double pi = 3.141592653589793;
  double rate;
  if (digits_train_get_hyper(model, "lr", &rate) != 0)
    return -1;
  rate *= (1 + cos(pi * epoch / epochs)) / (1 + cos(pi * (epoch - 1) / epochs));
  return digits_train_set_hyper(model, "lr", rate);
}

static int fail(const ember_model *model) {
  fprintf(stderr, "%s\n", digits_train_error(model));
  return 1;
}

int main(int argc, char **argv) {
  int64_t training, test;
  const char *load = NULL, *save = NULL, *seed = NULL;
  int print_losses = 0, cosine = 0;
  double loss = 0, share;
  for (int i = 3; i < argc; ++i) {
    if (strcmp(argv[i], "--losses") == 0)
      print_losses = 1;
    else if (strcmp(argv[i], "--cosine") == 0)
      cosine = 1;
    else if (i + 1 < argc && strcmp(argv[i], "--load") == 0)
      load = argv[++i];
    else if (i + 1 < argc && strcmp(argv[i], "--save") == 0)
      save = argv[++i];
    else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
      seed = argv[++i];
    else
      argc = 0;
  }
  if (argc < 3 || read_digits(argv[1], &training, &test) != 0)
    return fprintf(stderr,
                   "usage: digits_train DIGITS.npy EPOCHS [--seed N] [--load FILE] [--save FILE] [--cosine] [--losses]\n"),
           1;
  ember_model *model = digits_train_create(0);
  if (!model || (seed && digits_train_seed(model, strtoull(seed, NULL, 10)) != 0) ||
      (load && digits_train_load(model, load) != 0))
    return fail(model);
  int epochs = atoi(argv[2]);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    if (train_epoch(model, training, print_losses, &loss) != 0 || (cosine && set_rate(model, epoch + 1, epochs) != 0))
      return fail(model);
    if (!print_losses)
      printf("\rtrained from C: epoch %d of %d, loss %.4f", epoch + 1, epochs, loss), fflush(stdout);
  }
  if (save && digits_train_save(model, save) != 0)
    return fail(model);
  if (!print_losses) {
    if (accuracy(model, test, &share) != 0)
      return fail(model);
    printf(", test accuracy %.2f %%\n", share);
  }
  digits_train_destroy(model);
  return 0;
}
