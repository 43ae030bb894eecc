// How many threads programs run on.
#pragma once

namespace ember {

/// Programs that start from now on run on `count` threads, whichever thread asks. Results do not depend on it.
/// Default: EMBER_NUM_THREADS, or one a processor. Throws Error where `count` is not from 1 to 1024.
void set_num_threads(int count);
int get_num_threads();

} // namespace ember
