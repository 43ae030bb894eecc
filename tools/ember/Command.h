// What the subcommands share.
#pragma once

#include "codegen/Compiler.h"
#include "mlir/IR/Diagnostics.h"
#include <CLI/CLI.hpp>
#include <stdexcept>

namespace ember::tool {

/// The context of one call of the tool, and the first error that a parser or a pass reported in it.
struct Session {
  Session();
  mlir::MLIRContext context;
  std::string diagnostic; // `mlp.mlir:3:8: …`, one line
  mlir::ScopedDiagnosticHandler handler;
};

/// A user's mistake, in one line.
class Mistake : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws Mistake where the command line holds an option that the command has not.
void refuseUnknown(const CLI::App &command);

/// Adds a subcommand with its name, summary and an example for its --help.
CLI::App *addCommand(CLI::App &app, const std::string &name, const std::string &summary, const std::string &example);

/// Options that compiling takes: --target, --unfused.
void addCompileOptions(CLI::App &command, CompileOptions &options);

/// The MODEL that every command takes.
void addModel(CLI::App &command, std::string &model, const std::string &summary);

/// A flag, which takes no value.
CLI::Option *addFlag(CLI::App &command, const std::string &name, bool &isGiven, const std::string &summary);

/// Refuses an empty name of a file.
CLI::Validator fileName();

/// Refuses what is no whole number of this range.
CLI::Validator wholeNumber(uint64_t least, uint64_t most);

/// --size NAME=N, and what was given with it. Throws Mistake for another text, for a name that is given twice, and for one that
/// is none of the types'.
void addSizeOption(CLI::App &command, std::vector<std::string> &texts, const std::string &summary);
std::map<std::string, int64_t> parseSizes(const std::vector<std::string> &texts);
std::map<std::string, int64_t> parseSizes(const std::vector<std::string> &texts, mlir::TypeRange types);

/// --threads N: of the process's pool. Where it was given, the pool gets it.
void addThreadsOption(CLI::App &command, unsigned &threads);

/// A model with inputs: .npy files, or random numbers of a seed.
struct InputArguments {
  std::string model;
  std::vector<std::string> files, sizes;
  unsigned seed = 0;
};
/// `more`: what MODEL may be besides.
void addInputOptions(CLI::App &command, InputArguments &own, const std::string &more = "");

inline constexpr const char *kModelText = "a package (.ember), or a graph as text (.mlir; - for standard input)";

void addCompile(CLI::App &app, Session &session);
void addRun(CLI::App &app, Session &session);
void addBench(CLI::App &app, Session &session);
void addInspect(CLI::App &app, Session &session);
void addVerify(CLI::App &app, Session &session);

} // namespace ember::tool
