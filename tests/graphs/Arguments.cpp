// What the arguments of a random graph hold.
#include "ir/EmberDialect.h"
#include "runtime/include/ember_rt.h"
#include "tests/graphs/RandomGraph.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

RankedTensorType resolved(const RandomGraph &graph, Type type) {
  SmallVector<int64_t> shape;
  for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
    shape.push_back(size.evaluate(graph.sizes));
  return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
}

static Scalar drawNumber(bool isReal, bool special, std::mt19937 &random) {
  constexpr double numbers[] = {0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, NAN, 1e-40, 3e38};
  std::normal_distribution<double> normal;
  if (!isReal)
    return Scalar::integer(static_cast<int64_t>(random() % 19) - 9);
  return Scalar::real(special && random() % 9 == 0 ? numbers[random() % std::size(numbers)] : normal(random));
}

std::vector<ReferenceTensor> randomArguments(const RandomGraph &graph, uint32_t seed, bool special) {
  using Holds = GraphArgument::Holds;
  std::mt19937 random(seed);
  std::vector<ReferenceTensor> arguments;
  for (auto [type, argument] : llvm::zip_equal(graph.function().getArgumentTypes(), graph.arguments)) {
    ReferenceTensor value = ReferenceTensor::zeros(resolved(graph, type));
    auto element = [&]() {
      switch (argument.holds) {
      case Holds::Numbers:
        return drawNumber(value.isReal(), special, random);
      case Holds::Positive:
        return Scalar::real(0.5 + static_cast<double>(random() % 8));
      case Holds::Indices:
        return Scalar::integer(static_cast<int64_t>(random() % argument.bound.evaluate(graph.sizes)));
      case Holds::Probability:
        return Scalar::real(0.25);
      case Holds::Flag:
        return Scalar::integer(random() % 2);
      case Holds::State:
        break;
      }
      llvm_unreachable("a state is drawn whole");
    };
    if (argument.holds == Holds::State) {
      ember_generator generator = {};
      ember_rt_seed(&generator, seed);
      std::vector<uint8_t> state(value.size());
      ember_rt_get_state(&generator, state.data());
      value.integers.assign(state.begin(), state.end());
    } else {
      for (int64_t i = 0; i < value.size(); ++i)
        value.set(i, roundTo(value.type.getElementType(), element()));
    }
    arguments.push_back(std::move(value));
  }
  return arguments;
}

} // namespace ember::tests
