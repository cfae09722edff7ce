"""What an output depends on, by autograd's graph of the pass that computed it."""

from typing import TypeAlias

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge

Vertex: TypeAlias = tuple[Node, int]
"""A tensor in autograd's graph: what computed it, and which of the results it is."""


def vertex_of(tensor: Tensor) -> Vertex | None:
    """Return where a tensor is in the graph; None where it is in none."""
    if not tensor.requires_grad:
        return None
    edge = get_gradient_edge(tensor)
    return edge.node, edge.output_nr


def paths_through(start: Vertex | None, end: Vertex | None) -> dict[Vertex, int]:
    """Return how many paths lead from start to end through each vertex that can be reached from the start."""
    if start is None or end is None:
        return {}
    to_end: dict[Vertex, int] = {}
    for vertex in reversed(order := _in_order(start)):
        to_end[vertex] = 1 if vertex == end else sum(to_end[following] for following in _following(vertex))
    from_start = dict.fromkeys(order, 0) | {start: 1}
    for vertex in order:
        for following in _following(vertex):
            from_start[following] += from_start[vertex]
    return {vertex: from_start[vertex] * to_end[vertex] for vertex in order}


def _in_order(start: Vertex) -> list[Vertex]:
    """Return all vertices that can be reached, each before those that follow it."""
    finished: list[Vertex] = []
    seen: set[Vertex] = set()
    stack = [(start, False)]
    while stack:
        vertex, is_finished = stack.pop()
        if is_finished:
            finished.append(vertex)
        elif vertex not in seen:
            seen.add(vertex)
            stack += [(vertex, True), *((following, False) for following in _following(vertex))]
    return finished[::-1]


def _following(vertex: Vertex) -> list[Vertex]:
    node, _ = vertex
    return [(following, number) for following, number in node.next_functions if following is not None]
