/* Calls the compiled digits model from C. Built with: cc digits_client.c -Iout -Lout -l:libdigits.so -Wl,-rpath,out */
#include "libdigits.h"
#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 359, HEADER = 128 }; /* the .npy files of the demo have headers of 128 bytes */

int main(int argc, char **argv) {
  static float images[IMAGES * 64], logits[IMAGES * 10];
  int64_t in_dims[] = {IMAGES, 1, 8, 8}, out_dims[] = {IMAGES, 10};
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file || fseek(file, HEADER, SEEK_SET) || fread(images, sizeof images, 1, file) != 1)
    return fprintf(stderr, "usage: digits_client TEST_IMAGES.npy\n"), 1;
  fclose(file);
  ember_model *model = digits_create(1);
  ember_tensor input = {1, 4, in_dims, images}, output = {1, 2, out_dims, logits};
  if (digits_run(model, &input, 1, &output, 1) != 0)
    return fprintf(stderr, "%s\n", digits_error(model)), 1;
  printf("first digits by the shared library:");
  for (int i = 0; i < 12; ++i) {
    int best = 0;
    for (int d = 1; d < 10; ++d)
      if (logits[i * 10 + d] > logits[i * 10 + best])
        best = d;
    printf(" %d", best);
  }
  printf("\n");
  digits_destroy(model);
  return 0;
}
