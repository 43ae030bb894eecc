// A small convolutional network with fixed weights, for tests of what is made of a trace.
#pragma once

#include <ember/ember.h>

/// (N, 1, 8, 8) to (N, 10) probabilities, in evaluation mode. Seeds the generator.
inline ember::nn::Sequential makeModel() {
  namespace nn = ember::nn;
  ember::manual_seed(0);
  nn::Sequential model(nn::Conv2d(1, 4, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(4), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Flatten(), nn::Linear(64, 10), nn::Softmax(1));
  model->eval();
  return model;
}
