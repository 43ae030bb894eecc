// How many threads programs run on.
#pragma once

namespace ember {

/// Programs that start from now on run on `count` threads, whichever thread asks. Results do not depend on it.
/// Default: EMBER_NUM_THREADS, or one a processor. Throws ember::Error where `count` is below 1.
void set_num_threads(int count);
int get_num_threads();

} // namespace ember
