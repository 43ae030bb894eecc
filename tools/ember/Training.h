// ember compile --train: a training library from a traced model.
#pragma once

#include "tools/ember/Model.h"

namespace ember::tool {

/// `cross_entropy:target=i64[B]`, `adamw:lr=1e-3,weight_decay=0.01`.
struct TrainingArguments {
  bool train = false;
  std::string loss, optimizer;
};

void addTrainingOptions(CLI::App &command, TrainingArguments &own);

/// Throws Mistake where options of training are given without --train, or --train without them.
void checkTraining(const TrainingArguments &own);

/// Writes the training library. Throws Mistake or ember::Error, one line.
void writeTraining(const Model &model, const TrainingArguments &own, const CompileOptions &options, const std::string &name,
                   const std::string &output);

} // namespace ember::tool
