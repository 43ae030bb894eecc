// A compiled training library, loaded.
#pragma once

#include "frontend/CTensor.h"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdexcept>

/// A training library whose functions begin with `net_`, and a model of it.
struct TrainedLibrary {
  explicit TrainedLibrary(const std::string &path) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle)
      throw std::runtime_error(dlerror());
    find(create, "net_create");
    find(destroy, "net_destroy");
    find(error, "net_error");
    find(step, "net_step");
    find(predict, "net_predict");
    find(seed, "net_seed");
    find(save, "net_save");
    find(load, "net_load");
    find(weight, "net_weight");
    model = create(1);
  }
  ~TrainedLibrary() {
    destroy(model);
    dlclose(handle);
  }
  template <typename F> void find(F *&function, const char *name) { function = reinterpret_cast<F *>(dlsym(handle, name)); }

  double lossOf(const ember::Tensor &input, const ember::Tensor &target) {
    std::vector<char> bytes[2];
    ember::Shape sizes[] = {input.sizes(), target.sizes()};
    CTensor inputs[] = {cTensor(input, sizes[0], bytes[0]), cTensor(target, sizes[1], bytes[1])};
    double loss = -1;
    EXPECT_EQ(step(model, inputs, 2, &loss), 0) << error(model);
    return loss;
  }

  std::vector<std::string> weightNames() {
    std::vector<std::string> names;
    const char *name = nullptr;
    CTensor tensor{};
    while (weight(model, names.size(), &name, &tensor) == 0)
      names.push_back(name);
    return names;
  }

  void *handle, *model;
  void *(*create)(uint32_t);
  void (*destroy)(void *);
  const char *(*error)(void *);
  int (*step)(void *, const CTensor *, uint32_t, double *);
  int (*predict)(void *, const CTensor *, uint32_t, CTensor *, uint32_t);
  int (*seed)(void *, uint64_t);
  int (*save)(void *, const char *);
  int (*load)(void *, const char *);
  int (*weight)(void *, uint32_t, const char **, CTensor *);
};
