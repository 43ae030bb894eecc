#include "jit/NamedTrace.h"

#include "functions/Build.h"
#include <cstring>

using namespace mlir;
using namespace ember::ir;

namespace ember::jit {

namespace {

// The sizes that the options name: as types of the inputs, as numbers at the examples, and their ranges.
struct Request {
  SmallVector<RankedTensorType> types;
  SizeValues exampleSizes;
  std::map<std::string, SizeRange> ranges;
};

void nameDim(Request &request, SmallVector<SizeExpr> &sizes, unsigned input, int64_t axis, const Dim &dim) {
  int64_t rank = sizes.size();
  if (axis < -rank || axis >= rank)
    throw Error("trace: input " + std::to_string(input) + " has " + std::to_string(rank) + " dimensions, found a name '" +
                dim.text + "' for dimension " + std::to_string(axis));
  std::optional<SizeExpr> size = SizeExpr::parse(dim.text);
  if (!size || size->isConstant())
    throw Error("trace: the size of input " + std::to_string(input) + ", dimension " + std::to_string(axis) + " is '" + dim.text +
                "', expected a name or a polynomial of names, such as B or 2*B + 1");
  sizes[axis < 0 ? axis + rank : axis] = *size;
  if (dim.min == 0 && dim.max == INT64_MAX)
    return;
  if (dim.text != size->str() || *size != SizeExpr::name(dim.text))
    throw Error("trace: '" + dim.text + "' has a range, expected a name alone to have one");
  if (dim.min < 0 || dim.max < dim.min)
    throw Error("trace: the size " + dim.text + " is to be in [" + std::to_string(dim.min) + ", " + std::to_string(dim.max) +
                "], which is empty or negative");
  SizeRange &range = request.ranges[dim.text];
  range = {std::max(range.least, dim.min), std::min(range.most, dim.max)};
}

Request readRequest(const std::vector<Tensor> &examples, const TraceOptions &options) {
  Request request;
  if (options.dims.size() > examples.size())
    throw Error("trace: names for the sizes of " + std::to_string(options.dims.size()) + " inputs, found " +
                std::to_string(examples.size()) + " examples");
  SmallVector<SmallVector<int64_t>> shapes;
  for (auto [input, example] : llvm::enumerate(examples)) {
    shapes.push_back(llvm::to_vector<4>(example.sizes()));
    SmallVector<SizeExpr> sizes(shapes.back().begin(), shapes.back().end());
    if (input < options.dims.size())
      for (const auto &[axis, dim] : options.dims[input])
        nameDim(request, sizes, input, axis, dim);
    request.types.push_back(tensorOf(sizes, record::Recorder::get().elementType(example.dtype())));
  }
  std::optional<unsigned> misfit = bindSizes(request.types, shapes, request.exampleSizes);
  for (const std::string &name : sizeNamesOf(TypeRange(SmallVector<Type>(request.types.begin(), request.types.end())))) {
    if (llvm::none_of(request.types, [&](RankedTensorType type) { return tells(type, name); }))
      throw Error("trace: the size " + name + " follows from no dimension alone");
    request.ranges.try_emplace(name);
  }
  if (misfit)
    throw Error("trace: input " + std::to_string(*misfit) + " is " + dtype_name(examples[*misfit].dtype()) +
                functions::shapeText(examples[*misfit].sizes()) + ", expected " + dtype_name(examples[*misfit].dtype()) +
                dimsText(request.types[*misfit]) +
                (request.exampleSizes.empty() ? "" : " with " + sizesText(request.exampleSizes)));
  if (std::string text = outOfRange(request.ranges, request.exampleSizes); !text.empty())
    throw Error("trace: " + text);
  constexpr size_t mostNames = 8; // there are 1281 recordings then
  if (request.ranges.size() > mostNames)
    throw Error("trace: " + std::to_string(request.ranges.size()) + " names of sizes, expected at most " +
                std::to_string(mostNames));
  return request;
}

// The example's elements, over and over: labels stay labels.
Tensor resized(const Tensor &example, RankedTensorType type, const SizeValues &sizes) {
  Shape shape;
  for (const SizeExpr &size : dimSizes(type)) {
    int64_t number = size.evaluate(sizes);
    if (number < 0)
      throw Error("a size would be " + std::to_string(number));
    shape.push_back(number);
  }
  Tensor result = zeros(shape, example.dtype());
  std::shared_ptr<record::Buffer> from = record::contents(example), to = record::contents(result);
  size_t width = ember_rt_dtype_size(static_cast<uint32_t>(example.dtype())), have = example.numel() * width,
         want = result.numel() * width;
  for (size_t done = 0; have > 0 && done < want; done += have)
    std::memcpy(static_cast<char *>(to->data) + done, from->data, std::min(have, want - done));
  return result;
}

class Tracer {
public:
  Tracer(RecordOnce record, const std::vector<Tensor> &examples, const TraceOptions &options)
      : recordOnce(record), examples(examples), request(readRequest(examples, options)) {}

  NamedTrace run() {
    std::vector<std::string> names;
    std::vector<int64_t> bases;
    for (const auto &[name, size] : request.exampleSizes) {
      names.push_back(name);
      bases.push_back(std::max<int64_t>(size, 3)); // 0, 1 and 2 are numbers with a meaning of their own
    }
    SizeGrid grid(names, bases);
    std::vector<Recording> recordings;
    for (const SizeValues &point : grid.points())
      recordings.push_back(recordAt(point));
    NamedGraph graph = unify(recordings, examples.size(), grid);
    for (size_t i = 0; i < names.size(); ++i)
      limit(names[i], recordings, graph);
    (*graph.module).walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        if (auto tensor = dyn_cast<RankedTensorType>(type))
          for (const SizeExpr &size : dimSizes(tensor))
            requireSize(size);
    });
    NamedTrace trace;
    for (unsigned kept : graph.kept)
      trace.memory.push_back(recordings[0].memory[kept]);
    trace.module = std::move(graph.module);
    setSizeRanges(*(*trace.module).getOps<func::FuncOp>().begin(), request.ranges);
    return trace;
  }

private:
  Recording recordAt(const SizeValues &sizes) {
    std::vector<Tensor> inputs;
    try {
      for (auto [type, example] : llvm::zip_equal(request.types, examples))
        inputs.push_back(resized(example, type, sizes));
      record::Recorder::get().flush();
      Recording recording = recordOnce(inputs);
      recording.sizes = sizes;
      return recording;
    } catch (const Error &error) {
      StringRef text = error.message();
      text.consume_front("trace: ");
      text.consume_front("trace_training: ");
      throw Error("trace: recorded with " + sizesText(sizes) + ": " + text.str());
    }
  }

  // A function that does something else with a size of 1 or 0 takes no such size.
  void limit(const std::string &name, const std::vector<Recording> &recordings, const NamedGraph &graph) {
    SizeRange &range = request.ranges[name];
    for (int64_t special : {1, 0}) {
      if (range.least > special)
        return;
      SizeValues sizes = recordings[0].sizes;
      sizes[name] = special;
      bool isSame = false;
      try {
        isSame = agrees(graph, recordings, examples.size(), recordAt(sizes));
      } catch (const Error &) {
      }
      if (!isSame) {
        range.least = special + 1;
        return;
      }
    }
  }

  // `S + -3` is a size from S = 3 on.
  void requireSize(const SizeExpr &size) {
    std::optional<SizeExpr::Linear> own = size.linear();
    if (!own || own->factor <= 0 || own->offset >= 0)
      return;
    int64_t &least = request.ranges[own->name].least;
    least = std::max(least, (own->factor - own->offset - 1) / own->factor);
  }

  RecordOnce recordOnce;
  const std::vector<Tensor> &examples;
  Request request;
};

} // namespace

NamedTrace traceNamedSizes(RecordOnce record, const std::vector<Tensor> &examples, const TraceOptions &options) {
  return Tracer(record, examples, options).run();
}

} // namespace ember::jit
