// The text of an error, for tests of what a user's mistake says.
#pragma once

#include <ember/ember.h>

/// The message of the ember::Error that a call throws, without its place; "no error" where it throws none.
template <typename Call> std::string messageOf(Call call) {
  try {
    call();
  } catch (const ember::Error &error) {
    return error.message();
  }
  return "no error";
}

/// The same with its place.
template <typename Call> std::string errorOf(Call call) {
  try {
    call();
  } catch (const ember::Error &error) {
    return error.what();
  }
  return "no error";
}
