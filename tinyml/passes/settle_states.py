"""Every state is written in its place by a node of its own, when all that read what it held have run.

    ... -> f -> y, y becomes the state   =>  f writes the state, where that comes late enough and y is nothing else
    otherwise                            =>  y -> RESHAPE to its own shape, which writes the state

A state that nobody reads goes. Not one of PASSES: those see states as inputs and outputs (`Graph.opened`) and would
take the copies for nodes that change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyml.ir import Graph, Node, State, Tensor
from tinyml.ops.reshape import Reshape
from tinyml.passes.dead_nodes import dead_nodes


def settle_states(graph: Graph) -> Graph:
    """A graph that obeys `verify`'s rules for states in the stage "int8"; the graph itself when it has none."""
    if not graph.states:
        return graph
    graph = _with_copies(_without_unread(graph))
    held = {tensor for state in graph.states for tensor in (state.read, state.written)}
    wrong = [tensor for tensor in graph.tensors if tensor.is_state != (tensor in held)]
    return _exchanged(graph, {tensor: replace(tensor, is_state=tensor in held) for tensor in wrong}) if wrong else graph


def _without_unread(graph: Graph) -> Graph:
    """Without states that neither a node, nor the caller, nor another state takes anything from."""
    while True:
        seen = {*graph.outputs, *graph.consumers, *(s.written for s in graph.states if s.written is not s.read)}
        read = tuple(state for state in graph.states if state.read in seen)
        if len(read) == len(graph.states):
            return graph
        less = replace(graph, states=read)
        graph = dead_nodes(less.opened()).closed(read)


def _with_copies(graph: Graph) -> Graph:
    first, outputs = _given_out(graph)
    nodes, states = [*first, *graph.nodes], []
    reads = {state.read for state in graph.states}
    taken: set[Tensor] = set(outputs)
    for state in graph.states:
        source = state.written
        if source in reads:
            # another state, or this one: taken before anybody writes it
            nodes.insert(0, _copy(source, f"{state.name}_held"))
            source = nodes[0].output
        end = max((at for at, n in enumerate(nodes) if state.read in n.inputs or source in n.outputs), default=-1)
        if source in taken or not _writes_last(nodes, end, replace(state, written=source)):
            nodes.insert(end + 1, _copy(source, f"{state.name}_next"))
            source = nodes[end + 1].output
        taken.add(source)
        states.append(replace(state, written=source))
    return replace(graph, nodes=tuple(nodes), outputs=outputs, states=tuple(states))


def _given_out(graph: Graph) -> tuple[list[Node], tuple[Tensor, ...]]:
    """Copies of the states that are outputs as they are read, and the outputs with those copies."""
    reads = {state.read for state in graph.states}
    copies = {t: _copy(t, t.name) for t in dict.fromkeys(graph.outputs) if t in reads}
    return [*copies.values()], tuple(copies[t].output if t in copies else t for t in graph.outputs)


def _writes_last(nodes: list[Node], end: int, state: State) -> bool:
    """Whether the last node that has to do with the state writes it, and reads it only where it may."""
    if end < 0 or state.written not in nodes[end].outputs:
        return False
    writer = nodes[end]
    return state.read not in writer.inputs or (state.read, state.written) in writer.op.replaces(writer)


def _copy(tensor: Tensor, name: str) -> Node:
    return Node(name, Reshape(tensor.shape), (tensor,), (Tensor(name, tensor.shape, tensor.dtype, tensor.quant),))


def _exchanged(graph: Graph, new: Mapping[Tensor, Tensor]) -> Graph:
    def each(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(new.get(tensor, tensor) for tensor in tensors)

    nodes = tuple(replace(node, inputs=each(node.inputs), outputs=each(node.outputs)) for node in graph.nodes)
    states = tuple(
        replace(s, read=new.get(s.read, s.read), written=new.get(s.written, s.written)) for s in graph.states
    )
    return replace(graph, nodes=nodes, inputs=each(graph.inputs), outputs=each(graph.outputs), states=states)
