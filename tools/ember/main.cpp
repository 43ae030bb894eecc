// ember: the command-line tool. Each subcommand stands in its own file.
#include "ember/error.h"
#include "ir/EmberDialect.h"
#include "tools/ember/Command.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace ember::tool {

// The parser's or pass's own words, with the place; the first error is the cause of those that follow.
static std::string textOf(mlir::Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto place = diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
    stream << place.getFilename().getValue() << ":" << place.getLine() << ":" << place.getColumn() << ": ";
  stream << diagnostic.str();
  return text;
}

Session::Session()
    : context(mlir::MLIRContext::Threading::DISABLED), handler(&context, [this](mlir::Diagnostic &found) {
        if (diagnostic.empty() && found.getSeverity() == mlir::DiagnosticSeverity::Error)
          diagnostic = textOf(found);
        return mlir::success();
      }) {
  loadDialects(context);
}

void refuseUnknown(const CLI::App &command) {
  std::vector<std::string> extras = command.remaining();
  if (extras.empty())
    return;
  std::string known;
  for (const CLI::Option *option : command.get_options())
    if (!option->get_positional())
      known += (known.empty() ? "" : ", ") + option->get_name();
  const char *kind = extras.front().front() == '-' ? "unknown option" : "unexpected argument";
  throw Mistake(command.get_name() + ": " + kind + " '" + extras.front() + "', expected options of " + known);
}

CLI::App *addCommand(CLI::App &app, const std::string &name, const std::string &summary, const std::string &example) {
  CLI::App *command = app.add_subcommand(name, summary);
  command->allow_extras();
  command->footer(example);
  return command;
}

void addCompileOptions(CLI::App &command, CompileOptions &options) {
  command.add_option("--target", options.target, "instruction level: native, x86-64-v3 (AVX2) or x86-64-v4 (AVX-512)")
      ->type_name("LEVEL")
      ->capture_default_str();
  command.add_flag_callback(
             "--unfused", [&options] { options.fuse = false; }, "make every op a kernel of its own")
      ->disable_flag_override();
  command.add_option("--max-memory", options.maxMemory, "recompute values so that the arena has at most so many bytes")
      ->type_name("BYTES")
      ->check(wholeNumber(1, INT64_MAX));
}

void addSizeOption(CLI::App &command, std::vector<std::string> &texts, const std::string &summary) {
  command.add_option("--size", texts, summary + ": B=32 (repeat for each)")
      ->type_name("NAME=N")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void addInputOptions(CLI::App &command, InputArguments &own, const std::string &more) {
  addModel(command, own.model, kModelText + more);
  command.add_option("INPUTS", own.files, "one .npy file for each input, in order (default: random)")
      ->type_name("FILE.npy")
      ->check(fileName());
  addSizeOption(command, own.sizes, "a named size of random inputs");
  command.add_option("--seed", own.seed, "of random inputs")
      ->type_name("N")
      ->check(wholeNumber(0, UINT32_MAX))
      ->capture_default_str();
}

void addModel(CLI::App &command, std::string &model, const std::string &summary) {
  command.add_option("MODEL", model, summary)->required()->type_name("");
}

CLI::Option *addFlag(CLI::App &command, const std::string &name, bool &isGiven, const std::string &summary) {
  return command.add_flag(name, isGiven, summary)->disable_flag_override();
}

CLI::Validator fileName() {
  return CLI::Validator([](std::string &text) { return text.empty() ? "expected the name of a file, found an empty one" : ""; },
                        /*description=*/"");
}

CLI::Validator wholeNumber(uint64_t least, uint64_t most) {
  auto check = [=](std::string &text) {
    uint64_t value;
    bool isGood = !llvm::StringRef(text).getAsInteger(10, value) && least <= value && value <= most;
    return isGood ? ""
                  : "expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", found '" + text +
                        "'";
  };
  return CLI::Validator(check, /*description=*/"");
}

void addThreadsOption(CLI::App &command, unsigned &threads) {
  command.add_option("--threads", threads, "threads to run on, 1 to 1024 (default: EMBER_NUM_THREADS, or one a processor)")
      ->type_name("N")
      ->check(wholeNumber(1, 1024));
}

std::map<std::string, int64_t> parseSizes(const std::vector<std::string> &texts) {
  std::map<std::string, int64_t> sizes;
  for (const std::string &text : texts) {
    auto [name, number] = llvm::StringRef(text).split('=');
    int64_t value;
    if (name.empty() || number.getAsInteger(10, value) || value < 0)
      throw Mistake("--size: expected NAME=N, found '" + text + "'");
    if (!sizes.emplace(name.str(), value).second)
      throw Mistake("--size: '" + name.str() + "' is given twice");
  }
  return sizes;
}

std::map<std::string, int64_t> parseSizes(const std::vector<std::string> &texts, mlir::TypeRange types) {
  std::map<std::string, int64_t> sizes = parseSizes(texts);
  std::vector<std::string> names = ir::sizeNamesOf(types);
  for (const auto &[name, size] : sizes)
    if (!llvm::is_contained(names, name))
      throw Mistake("--size: the model has no size '" + name + "', " +
                    (names.empty() ? "all of its sizes are numbers" : "expected " + llvm::join(names, ", ")));
  return sizes;
}

int fail(const std::string &text) {
  std::string line = llvm::StringRef(text).trim().str();
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "ember: %s\n", line.c_str());
  return 1;
}

// The parser's `--threads: At Most 1 required but received 2`, `-o: 1 required OUT missing` and `json was given a disallowed flag
// override`.
static std::string textOf(const CLI::ArgumentMismatch &error) {
  auto [option, text] = llvm::StringRef(error.what()).split(": ");
  if (text.consume_front("At Most 1 required but received "))
    return (option + ": expected one value, found " + text).str();
  if (text.consume_front("1 required ") && text.consume_back(" missing"))
    return (option + ": expected " + text + " after it").str();
  if (option.consume_back(" was given a disallowed flag override"))
    return ("--" + option + ": expected no value").str();
  return error.what();
}

constexpr const char *kCommands = "compile, run, bench, inspect or verify";

static int run(int argc, char **argv) {
  CLI::App app("ember compiles machine-learning graphs to fused kernels.", "ember");
  app.allow_extras();
  app.footer("A MODEL is a package (.ember) or a graph as text (.mlir, function 'main'); '-' reads text from standard input.\n"
             "`ember COMMAND --help` says more. Environment variables: see the table in README.md.\n"
             "What goes wrong is one line on standard error, with the place, and the exit code is 1.");
  Session session;
  addCompile(app, session);
  addRun(app, session);
  addBench(app, session);
  addInspect(app, session);
  addVerify(app, session);
  try {
    // Before the parser asks for what the command behind it needs.
    if (argc > 1 && argv[1][0] == '-' && !app.get_option_no_throw(argv[1]))
      return fail(std::string("unknown option '") + argv[1] + "', expected " + kCommands);
    app.parse(argc, argv);
    if (std::vector<std::string> extras = app.remaining(); !extras.empty())
      return fail((extras.front()[0] == '-' ? "unknown option '" : "unknown command '") + extras.front() + "', expected " +
                  kCommands);
    if (app.get_subcommands().empty())
      return fail(std::string("expected a command: ") + kCommands + " (ember --help says what each does)");
  } catch (const CLI::Success &) { // --help
    std::printf("%s", app.help().c_str());
  } catch (const CLI::ArgumentMismatch &error) {
    return fail(textOf(error));
  } catch (const CLI::RequiredError &error) { // `MODEL is required`
    return fail("expected a " + llvm::StringRef(error.what()).split(' ').first.str() + " (ember COMMAND --help)");
  } catch (const OutOfMemory &error) {
    return fail(error.what());
  } catch (const std::bad_alloc &) {
    return fail("out of memory");
  } catch (const Error &error) { // of the frontend: its place is ours, not the user's
    return fail(session.diagnostic.empty() ? error.message() : session.diagnostic);
  } catch (const std::exception &error) {
    return fail(session.diagnostic.empty() ? error.what() : session.diagnostic);
  }
  return std::fflush(stdout) == 0 ? 0 : fail("standard output: cannot be written");
}

} // namespace ember::tool

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a file over the limit of its size is an error, with a line
  // LLVM throws nothing where it finds no memory.
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { _exit(ember::tool::fail("out of memory")); });
  return ember::tool::run(argc, argv);
}
