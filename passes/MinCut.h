// The smallest cut between two nodes of a graph.
#pragma once

#include <cstdint>
#include <vector>

namespace ember::passes {

/// A directed graph with capacities. Source: Dinic, "Algorithm for solution of a problem of maximum flow", 1970.
class MinCut {
public:
  static constexpr int64_t kUnbounded = int64_t(1) << 60;

  unsigned addNode();
  void addEdge(unsigned from, unsigned to, int64_t capacity);
  /// Bytes through the smallest cut; kUnbounded or more where none is finite.
  int64_t solve(unsigned source, unsigned sink);
  /// After `solve`: whether a node is on the sink's side of the cut that is nearest to the sink.
  bool isBehindCut(unsigned node) const { return behind[node]; }

private:
  struct Edge {
    unsigned to;
    int64_t left; // capacity not used; the edge back is the neighbour (number ^ 1)
  };
  bool level(unsigned source, unsigned sink);
  int64_t push(unsigned source, unsigned sink);

  std::vector<Edge> edges;
  std::vector<std::vector<unsigned>> out; // numbers of edges, by node
  std::vector<int> depth;
  std::vector<unsigned> next;
  std::vector<bool> behind;
};

} // namespace ember::passes
