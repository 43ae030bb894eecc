// Losses.
#include "ember/functional.h"

#include "functions/Build.h"

#include <cstdio>

using namespace ember::functions;

namespace ember::functional {

static void checkReduction(const std::string &reduction) {
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    throw Error(reduction + " is not a valid value for reduction");
}

static Tensor reduced(Tensor losses, const std::string &reduction, Here where, const char *function) {
  if (reduction == "none")
    return named(losses, function);
  return named(reduction == "sum" ? losses.sum(where) : losses.mean(where), function);
}

Tensor mse_loss(const Tensor &input, const Tensor &target, const std::string &reduction, Here where) {
  Entry entry(where);
  checkReduction(reduction);
  if (input.sizes() != target.sizes())
    record::warnOnce(
        "Using a target size (torch.Size(" + shapeText(target.sizes()) + ")) that is different to the input size (torch.Size(" +
        shapeText(input.sizes()) +
        ")). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.");
  Tensor difference = Operand(input, where) - Operand(target, where);
  return reduced(difference * difference, reduction, where, "MseLossBackward0");
}

// ---- cross entropy

namespace {

// One call: log-softmax along dimension 1 (0 for a single sample), then the targets' share of it.
class CrossEntropy {
public:
  CrossEntropy(const Tensor &input, const Tensor &target, const CrossEntropyOptions &options, Here where)
      : input(input), target(target), options(options), where(where), dim(input.dim() == 1 ? 0 : 1) {}

  Tensor run() {
    check();
    return target.sizes() == input.sizes() ? ofProbabilities() : ofClasses();
  }

private:
  Operand number(double value) const { return Operand(value, where); }
  int64_t classes() const { return input.size(dim); }

  void check() const {
    checkReduction(options.reduction);
    if (input.dim() == 0)
      throw Error("cross_entropy: expected an input of shape (C), (N, C) or (N, C, …), found []");
    if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
      char text[32];
      std::snprintf(text, sizeof text, "%g", options.label_smoothing);
      throw Error(std::string("label_smoothing must be between 0.0 and 1.0. Got: ") + text);
    }
    if (options.weight.defined() && (options.weight.dim() != 1 || options.weight.size(0) != classes()))
      throw Error("weight tensor should be defined either for all " + std::to_string(classes()) +
                  " classes or no classes but got weight tensor of shape: " + shapeText(options.weight.sizes()));
    if (options.weight.defined() && options.weight.dtype() != input.dtype())
      throw Error("cross_entropy: weight is " + dtype_name(options.weight.dtype()) + ", expected " + dtype_name(input.dtype()) +
                  " as the input is");
    target.sizes() == input.sizes() ? checkProbabilities() : checkClasses();
  }

  void checkProbabilities() const {
    if (!target.is_floating_point())
      throw Error("Expected floating point type for target with class probabilities, got " + scalarTypeName(target.dtype()));
    if (options.ignore_index >= 0)
      throw Error("ignore_index is not supported for floating point target");
  }

  void checkClasses() const {
    Shape wanted = input.sizes(), found = target.sizes();
    wanted.erase(wanted.begin() + dim);
    bool isBatch = input.dim() > 1 && !found.empty();
    if (isBatch && found[0] != wanted[0])
      throw Error("Expected input batch_size (" + std::to_string(wanted[0]) + ") to match target batch_size (" +
                  std::to_string(found[0]) + ").");
    if (input.dim() == 1 && found != wanted)
      throw Error("size mismatch (got input: " + shapeText(input.sizes()) + ", target: " + shapeText(found) + ")");
    if (input.dim() == 2 && found.size() > 1)
      throw Error("0D or 1D target tensor expected, multi-target not supported");
    if (found != wanted)
      throw Error("Expected target size " + shapeText(wanted) + ", got " + shapeText(found));
    if (target.dtype() != kInt64)
      throw Error("expected scalar type Long but found " + scalarTypeName(target.dtype()));
  }

  Tensor perClass(const Tensor &values) const { // along the classes of the input
    Shape shape(input.dim(), 1);
    shape[dim] = classes();
    return values.reshape(shape, where);
  }

  // Targets are shares of every class.
  Tensor ofProbabilities() {
    Tensor shares = target;
    if (options.label_smoothing > 0)
      shares = shares * number(1 - options.label_smoothing) + number(options.label_smoothing / static_cast<double>(classes()));
    Tensor products = log_softmax(input, dim, where) * shares;
    if (options.weight.defined())
      products = products * perClass(options.weight);
    if (options.reduction == "none")
      return named(-products.sum({dim}, false, where), "NegBackward0");
    Tensor sum = -products.sum(where);
    if (options.reduction == "sum")
      return named(sum, "NegBackward0");
    return named(sum / number(static_cast<double>(input.numel() / std::max<int64_t>(classes(), 1))), "DivBackward1");
  }

  // Labels in memory are looked at now: nothing is recorded of a step with a bad one. Returns whether some are to be ignored,
  // which is not known of labels that are computed, or that a trace will be given.
  bool mayIgnore() const {
    record::NodeRef labels = record::nodeOf(target);
    bool ignores = false;
    for (int64_t i = 0; labels->buffer && i < target.numel(); ++i) {
      int64_t label = static_cast<const int64_t *>(labels->buffer->data)[i];
      if (label == options.ignore_index)
        ignores = true;
      else if (label < 0 || label >= classes())
        throw Error("Target " + std::to_string(label) + " is out of bounds.");
    }
    return ignores || !labels->buffer || record::Recorder::get().drawing;
  }

  // Of each sample; in `share` how much it counts in the mean, undefined: 1.
  Tensor lossesOf(Tensor &share) {
    Tensor logs = log_softmax(input, dim, where), labels = target, counted;
    if (mayIgnore()) {
      counted = Operand(target, where) != Operand(options.ignore_index, where);
      labels = ember::where(counted, target, Operand(0, where));
      share = counted.to(input.dtype(), where);
    }
    Tensor losses = -gather(logs, dim, labels.unsqueeze(dim, where), where).squeeze(dim, where);
    if (options.weight.defined()) {
      Tensor chosen =
          index_select(options.weight, 0, labels.reshape({target.numel()}, where), where).reshape(target.sizes(), where);
      share = share.defined() ? share * chosen : chosen;
      losses = losses * chosen;
    }
    if (double smoothing = options.label_smoothing; smoothing > 0) {
      Tensor all = options.weight.defined() ? logs * perClass(options.weight) : logs;
      losses = losses * number(1 - smoothing) - all.sum({dim}, false, where) * number(smoothing / static_cast<double>(classes()));
    }
    return counted.defined() ? ember::where(counted, losses, Operand(0.0, where)) : losses;
  }

  Tensor ofClasses() {
    Tensor share, losses = lossesOf(share);
    const char *function = options.label_smoothing > 0 ? "AddBackward0"
                           : input.dim() > 2           ? "NllLoss2DBackward0"
                                                       : "NllLossBackward0";
    if (options.reduction == "mean" && share.defined())
      return named(losses.sum(where) / share.sum(where), function);
    return reduced(losses, options.reduction, where, function);
  }

  const Tensor &input, &target;
  const CrossEntropyOptions &options;
  Here where;
  int64_t dim;
};

} // namespace

Tensor cross_entropy(const Tensor &input, const Tensor &target, const CrossEntropyOptions &options, Here where) {
  Entry entry(where);
  return CrossEntropy(input, target, options, where).run();
}

Tensor cross_entropy(const Tensor &input, const Tensor &target, const std::string &reduction, Here where) {
  return cross_entropy(input, target, CrossEntropyOptions{.reduction = reduction}, where);
}

} // namespace ember::functional
