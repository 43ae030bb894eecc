// A draw of random numbers, as an op on a generator's state.
#pragma once

#include "record/GeneratorImpl.h"
#include "record/Recorder.h"

namespace ember::functions {

/// One op that draws so many words. Eager: it starts from a snapshot of the default generator, which goes on at once: what is
/// drawn next, by whatever, does not wait for the op. In a trace: it starts from the state after the trace's draws so far, which
/// is an argument of the program, and the generator stays as it is.
class Draw {
public:
  Draw(record::Recorder &recorder, uint64_t words);
  /// Of ops whose words are not known: eager, `after` runs them, and the generator goes on from their state.
  explicit Draw(record::Recorder &recorder);

  /// The state that the op takes.
  mlir::Value before;
  /// The state that the op gives.
  void after(mlir::Value next);

private:
  record::Recorder &recorder;
  bool runs = false;
};

} // namespace ember::functions
