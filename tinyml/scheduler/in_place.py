"""Inside a group: which rows that live within a tick only are replaced by those that are computed from them."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Node, Tensor
from tinyml.scheduler.network import Network
from tinyml.scheduler.rows import Again, Lockstep, needs


def replacing(network: Network, lockstep: Lockstep, tensor: Tensor, again: Again, last: int) -> Node | None:
    """The node whose output may lie where a tensor does, as both are read up to node `last` only, within the group.

    This is for tensors over their whole width.
    """
    readers = network.readers.get(tensor, ()) if network.knobs.in_place else ()
    node = readers[0] if len(readers) == 1 else None
    life = network.life.get(node.output) if node is not None else None
    if node is None or life is None or life.last > last:
        return None
    operands = (node.operands[index] for index in network.fused[node].in_place(node))
    return node if tensor is next((t for t in operands if _fits(network, lockstep, t, node, again)), None) else None


def _fits(network: Network, lockstep: Lockstep, tensor: Tensor, node: Node, again: Again) -> bool:
    """Whether each row that the node computes is the last use of the same row, in the same place, of an operand."""
    if tensor not in lockstep.ready or tensor not in network.life or network.readers[tensor] != [node]:
        return False
    found = needs(node, node.operands.index(tensor))
    rows = np.arange(node.output.hwc[0])
    same = found is not None and (found.begin == rows).all() and (found.end == rows + 1).all()
    if not same or (tensor.hwc[0], tensor.row_bytes) != (node.output.hwc[0], node.output.row_bytes):
        return False
    held = (lockstep.held(tensor, again, network.producer(tensor)), lockstep.held(node.output, again, node))
    return held[0] == held[1] and not held[0].carries
