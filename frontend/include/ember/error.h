// What a user's mistake throws.
#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

namespace ember {

/// A mistake in the use of ember. `what()` is one line, `file:line:column: error: message`, where the place is known;
/// `message()` is the message alone, with PyTorch's text where PyTorch has one.
class Error : public std::runtime_error {
public:
  /// At the place of the call into ember that is being carried out, if any.
  explicit Error(const std::string &message);
  /// At another place: where the operation that failed was recorded.
  Error(const std::string &message, const std::string &file, unsigned line, unsigned column);
  const std::string &message() const { return text; }

private:
  std::string text;
};

/// Makes `where` the place that errors name and recorded ops remember, for calls in which none is set yet: the user's line
/// is the outermost one.
class CallSite {
public:
  explicit CallSite(const std::source_location &where);
  ~CallSite();
  CallSite(const CallSite &) = delete;

private:
  bool isOutermost;
};

/// The user's own code is called from within ember: its lines are named meanwhile, not that of the call.
class UserCode {
public:
  UserCode();
  ~UserCode();
  UserCode(const UserCode &) = delete;

private:
  const std::source_location *outer;
};

} // namespace ember
