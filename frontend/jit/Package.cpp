// Traced modules as `.ember` packages.
#include "ir/package/Package.h"
#include "jit/TracedModule.h"

using namespace mlir;

namespace ember::jit {

void TracedModule::save(const std::string &path) const {
  std::lock_guard lock(record::Recorder::get().mutex);
  std::vector<ir::Memory> weights;
  for (const auto &weight : impl->weights)
    weights.push_back({weight->data, weight->bytes});
  try {
    ir::writePackage(*impl->module, weights, path);
  } catch (const ir::PackageError &error) {
    throw Error(error.what());
  }
}

void save(const TracedModule &traced, const std::string &path) { traced.save(path); }

// A traced module takes the inputs, then its memory.
static void requireInputsFirst(func::FuncOp main, const std::string &path) {
  bool inputs = true;
  for (unsigned number = 0; number < main.getNumArguments(); ++number) {
    bool isInput = ir::argumentInfo(main, number).role == ir::Role::Input;
    if (isInput && !inputs)
      throw Error(path + ": argument " + std::to_string(number) + " of 'main' is an input, expected all inputs first");
    inputs = isInput;
  }
}

TracedModule load(const std::string &path) {
  std::lock_guard lock(record::Recorder::get().mutex);
  auto impl = std::make_shared<TracedModule::Impl>();
  impl->ownContext = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  loadDialects(*impl->ownContext);
  try {
    ir::Package package = ir::readPackage(path, *impl->ownContext);
    impl->module = std::move(package.module);
    requireInputsFirst(impl->main(), path);
    for (const ir::Memory &weight : package.weights)
      impl->weights.push_back(
          std::make_shared<record::Buffer>(const_cast<void *>(weight.data), weight.bytes, package.file)); // mapped copy-on-write
    impl->executable = compileProgram(*impl->module, CompileOptions::fromEnvironment());
  } catch (const ir::PackageError &error) {
    throw Error(error.what());
  } catch (const CompileError &error) {
    throw Error(path + ": " + error.what());
  }
  return TracedModule(impl);
}

} // namespace ember::jit
