// Offsets for values with lifetimes: greedy best fit in several orders, then with the value on top moved forward; the best is
// kept.
#include "runtime/include/ember_rt.h"

#include <stdlib.h>
#include <string.h>

namespace {

constexpr uint32_t kManyItems = 2000; // from here on one order has to do: each costs items squared
constexpr unsigned kMoves = 64;

struct Placement {
  ember_lifetime *items;
  uint32_t count, *order, *placed; // item numbers: in which they are placed; those placed so far, by offset
  int64_t *offsets, *bestOffsets, best;
};

// How a value's place in the order is found: the largest first.
typedef int64_t (*Weight)(const ember_lifetime &item, int64_t liveBytes);
int64_t bySize(const ember_lifetime &item, int64_t) { return item.bytes; }
int64_t byArea(const ember_lifetime &item, int64_t) {
  int64_t span = item.last - item.first + 1, area;
  return __builtin_mul_overflow(item.bytes, span, &area) ? INT64_MAX : area;
}
int64_t byBreadth(const ember_lifetime &, int64_t liveBytes) { return liveBytes; } // of the fullest moment it lives in
int64_t bySpan(const ember_lifetime &item, int64_t) { return item.last - item.first; }
int64_t byStart(const ember_lifetime &item, int64_t) { return -item.first; }

// Places all in order; nothing ends above the result.
int64_t place(Placement &own) {
  int64_t peak = 0;
  for (uint32_t number = 0; number < own.count; ++number) {
    uint32_t item = own.order[number];
    const ember_lifetime &mine = own.items[item];
    int64_t offset = -1, smallestGap = INT64_MAX, end = 0;
    for (uint32_t i = 0; i < number; ++i) {
      const ember_lifetime &other = own.items[own.placed[i]];
      if (other.last < mine.first || mine.last < other.first)
        continue;
      int64_t start = own.offsets[own.placed[i]], gap = start - end;
      if (gap >= mine.bytes && gap < smallestGap) {
        offset = end;
        smallestGap = gap;
      }
      end = start + other.bytes > end ? start + other.bytes : end;
    }
    own.offsets[item] = offset >= 0 ? offset : end;
    peak = own.offsets[item] + mine.bytes > peak ? own.offsets[item] + mine.bytes : peak;
    uint32_t at = number;
    for (; at > 0 && own.offsets[own.placed[at - 1]] > own.offsets[item]; --at)
      own.placed[at] = own.placed[at - 1];
    own.placed[at] = item;
  }
  return peak;
}

void attempt(Placement &own) {
  int64_t peak = place(own);
  if (peak >= own.best)
    return;
  own.best = peak;
  memcpy(own.bestOffsets, own.offsets, own.count * sizeof(int64_t));
}

// Stable, without the C++ library: a merge sort from the bottom up, with `placed` as the room for it.
void sortOrder(Placement &own, const int64_t *weights) {
  for (uint32_t i = 0; i < own.count; ++i)
    own.order[i] = i;
  for (uint64_t width = 1; width < own.count; width *= 2) {
    for (uint64_t low = 0; low < own.count; low += 2 * width) {
      uint64_t middle = low + width < own.count ? low + width : own.count;
      uint64_t high = low + 2 * width < own.count ? low + 2 * width : own.count;
      for (uint64_t left = low, right = middle, to = low; to < high; ++to) {
        bool takesLeft = left < middle && (right >= high || weights[own.order[left]] >= weights[own.order[right]]);
        own.placed[to] = own.order[takesLeft ? left++ : right++];
      }
    }
    memcpy(own.order, own.placed, own.count * sizeof(uint32_t));
  }
}

// The bytes that live at the fullest moment of each value, and at the fullest of all. live: one number a moment.
int64_t measureLive(const ember_lifetime *items, uint32_t count, int64_t *live, int64_t *breadths) {
  int64_t most = 0;
  for (uint32_t i = 0; i < count; ++i)
    for (int64_t moment = items[i].first; moment <= items[i].last; ++moment)
      most = (live[moment] += items[i].bytes) > most ? live[moment] : most;
  for (uint32_t i = 0; i < count; ++i) {
    breadths[i] = 0;
    for (int64_t moment = items[i].first; moment <= items[i].last; ++moment)
      breadths[i] = live[moment] > breadths[i] ? live[moment] : breadths[i];
  }
  return most;
}

// Moves the value that ends on top to the front, while that may still help.
void moveTopmost(Placement &own, int64_t least) {
  for (unsigned move = 0; move < kMoves && own.best > least; ++move) {
    uint32_t at = 0;
    int64_t peak = -1;
    for (uint32_t i = 0; i < own.count; ++i) {
      uint32_t item = own.order[i];
      if (own.offsets[item] + own.items[item].bytes > peak) {
        peak = own.offsets[item] + own.items[item].bytes;
        at = i;
      }
    }
    if (at == 0)
      return;
    uint32_t item = own.order[at];
    memmove(own.order + 1, own.order, at * sizeof(uint32_t));
    own.order[0] = item;
    attempt(own);
  }
}

} // namespace

extern "C" int ember_rt_place(ember_lifetime *items, uint32_t count, ember_arena *arena) {
  *arena = {};
  if (count == 0)
    return 0;
  int64_t moments = 0, total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    moments = items[i].last + 1 > moments ? items[i].last + 1 : moments;
    if (__builtin_add_overflow(total, items[i].bytes, &total)) // no offset is larger than all bytes together
      return -1;
  }
  auto *numbers = static_cast<int64_t *>(calloc(4 * static_cast<size_t>(count) + static_cast<size_t>(moments), sizeof(int64_t)));
  auto *orders = static_cast<uint32_t *>(calloc(2 * static_cast<size_t>(count), sizeof(uint32_t)));
  if (!numbers || !orders) {
    free(numbers);
    free(orders);
    return -1;
  }
  Placement own{items, count, orders, orders + count, numbers, numbers + count, INT64_MAX};
  int64_t *breadths = numbers + 2 * count, *weights = numbers + 3 * count, *live = numbers + 4 * count;
  int64_t least = measureLive(items, count, live, breadths);
  constexpr Weight kWeights[] = {bySize, byArea, byBreadth, bySpan, byStart};
  for (Weight weight : kWeights) {
    if (own.best == least || (count > kManyItems && own.best < INT64_MAX))
      break;
    for (uint32_t i = 0; i < count; ++i)
      weights[i] = weight(items[i], breadths[i]);
    sortOrder(own, weights);
    attempt(own);
    if (count <= kManyItems / 4)
      moveTopmost(own, least);
  }
  for (uint32_t i = 0; i < count; ++i)
    items[i].offset = own.bestOffsets[i];
  *arena = {own.best, least};
  free(numbers);
  free(orders);
  return 0;
}
