// Reads the records of a graph into MLIR. Every field is checked before it reaches MLIR.
#pragma once

#include "ir/package/Limits.h"
#include "ir/package/Package.h"
#include "program.pb.h"

#include "mlir/IR/Builders.h"
#include <map>

namespace ember::ir {

class GraphReader {
public:
  GraphReader(mlir::MLIRContext &context, uint64_t dataBytes) : builder(&context), dataBytes(dataBytes) {}
  /// Throws PackageError: the place in the graph, and what is wrong there.
  Graph read(llvm::StringRef records);

private:
  // A region that is being read; the outermost is a function's body.
  struct Frame {
    mlir::Operation *owner;
    unsigned region;
    size_t outerValues; // how many there were when the region began
    size_t visibleFrom; // the first value that its ops may name
    uint64_t opNumber;
  };

  void record(const wire::Record &record);
  void header(const wire::Header &header);
  void type(const wire::Type &type);
  void function(const wire::Function &function);
  void argument(const wire::Argument &argument);
  void result(const wire::Result &result);
  void beginBody();
  void op(const wire::Op &op);
  void checkIntegers(const wire::Op &op);
  void block(const wire::Block &block);
  void end();
  void endFunction();
  void finish();

  mlir::Type elementOf(wire::Element element);
  mlir::RankedTensorType typeAt(uint32_t number);
  mlir::Attribute valueOf(const wire::Attribute &attribute);
  mlir::Attribute denseOf(const wire::Dense &dense);
  mlir::NamedAttrList attributesOf(const google::protobuf::RepeatedPtrField<wire::Attribute> &list,
                                   llvm::ArrayRef<mlir::StringAttr> known);
  void name(const std::string &text, const char *what);
  void verify(mlir::Operation *op);
  [[noreturn]] void refuse(const llvm::Twine &what) const;

  mlir::OpBuilder builder;
  uint64_t dataBytes;
  Graph graph;
  std::string place;
  bool hasHeader = false, inFunction = false, inBody = false;

  llvm::SmallVector<mlir::RankedTensorType> types;
  llvm::SmallVector<mlir::Value> values;
  llvm::SmallVector<Frame> frames;
  uint64_t opCount = 0, functionCount = 0, awaitedBlocks = 0;

  // The function whose arguments and results are being read.
  std::string functionName;
  mlir::NamedAttrList functionAttributes;
  llvm::SmallVector<mlir::Type> argumentTypes, resultTypes;
  llvm::SmallVector<mlir::DictionaryAttr> argumentAttributes, resultAttributes;
  mlir::func::FuncOp current;

  struct Shared {
    mlir::Type type;
    Graph::Place place;
  };
  std::map<std::string, Shared> memory; // arguments that are no inputs, by name
  uint64_t filledData = 0;
};

} // namespace ember::ir
