// The environment variables that the compiler reads, in this one place; the table in the root README says what each does. Those
// of the runtime (EMBER_NUM_THREADS, EMBER_LEVEL) are read there: an artifact has them too.
#pragma once

#include <optional>
#include <string>

namespace ember::environment {

/// A value that cannot be used is named on stderr, in one line, once (ember_rt_note_variable).
///
/// EMBER_INTERPRET=1: programs run on the reference interpreter.
bool interprets();
/// EMBER_SYNC=1: each operation runs before the next one is recorded.
bool synchronous();
/// EMBER_TIMING=1: times of passes and kernels are printed at exit. Read once.
bool timing();
/// EMBER_DUMP=DIR: the folder for every stage of every program that is compiled; empty when none is wanted.
std::string dumpFolder();
/// EMBER_CACHE_DIR=DIR: the folder of compiled kernels. Unset: $XDG_CACHE_HOME/ember, or ~/.cache/ember. Set but empty: no
/// folder, and kernels are kept in memory alone.
std::optional<std::string> cacheFolder();
/// The folder of EMBER_CACHE_DIR cannot be used.
void noteUnusableCache();

} // namespace ember::environment
