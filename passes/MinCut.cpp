#include "passes/MinCut.h"

#include <algorithm>

namespace ember::passes {

unsigned MinCut::addNode() {
  out.emplace_back();
  return out.size() - 1;
}

void MinCut::addEdge(unsigned from, unsigned to, int64_t capacity) {
  out[from].push_back(edges.size());
  edges.push_back({to, capacity});
  out[to].push_back(edges.size());
  edges.push_back({from, 0});
}

// Distances from the source over edges with room.
bool MinCut::level(unsigned source, unsigned sink) {
  depth.assign(out.size(), -1);
  depth[source] = 0;
  std::vector<unsigned> work{source};
  for (size_t i = 0; i < work.size(); ++i)
    for (unsigned number : out[work[i]])
      if (const Edge &edge = edges[number]; edge.left > 0 && depth[edge.to] < 0) {
        depth[edge.to] = depth[work[i]] + 1;
        work.push_back(edge.to);
      }
  return depth[sink] >= 0;
}

// One way along rising distances, without recursion: graphs are as deep as programs are long.
int64_t MinCut::push(unsigned source, unsigned sink) {
  std::vector<unsigned> way; // edges
  unsigned node = source;
  while (node != sink) {
    bool goesOn = false;
    for (unsigned &i = next[node]; i < out[node].size(); ++i) {
      const Edge &edge = edges[out[node][i]];
      if (edge.left <= 0 || depth[edge.to] != depth[node] + 1)
        continue;
      way.push_back(out[node][i]);
      node = edge.to;
      goesOn = true;
      break;
    }
    if (goesOn)
      continue;
    if (way.empty())
      return 0;
    node = edges[way.back() ^ 1].to; // a dead end
    ++next[node];
    way.pop_back();
  }
  int64_t room = kUnbounded;
  for (unsigned number : way)
    room = std::min(room, edges[number].left);
  for (unsigned number : way) {
    edges[number].left -= room;
    edges[number ^ 1].left += room;
  }
  return room;
}

int64_t MinCut::solve(unsigned source, unsigned sink) {
  int64_t flow = 0;
  while (flow < kUnbounded && level(source, sink)) {
    next.assign(out.size(), 0);
    while (int64_t pushed = push(source, sink))
      if ((flow += pushed) >= kUnbounded)
        break;
  }
  behind.assign(out.size(), false);
  behind[sink] = true;
  std::vector<unsigned> work{sink};
  for (size_t i = 0; i < work.size(); ++i)
    for (unsigned number : out[work[i]])
      if (unsigned from = edges[number].to; edges[number ^ 1].left > 0 && !behind[from]) {
        behind[from] = true;
        work.push_back(from);
      }
  return flow;
}

} // namespace ember::passes
