"""What one should know about a network although it can be computed with."""

import numpy as np

from simulations.traffic.arrays import BoolArray, IdArray
from simulations.traffic.validation import named
from twin.model.network import Network


def warnings(network: Network, *, is_closed: BoolArray, outside: IdArray) -> tuple[str, ...]:
    """Sentences about links and nodes that probably should be otherwise.

    Parameters
    ----------
    is_closed : (links,)
        No class may use the link.
    outside : (zones at fault,)
        Node ids of zones that are not connected to and from the largest strong component.
    """
    loop = network.tail == network.head
    tails, heads = network.tail[~loop], network.head[~loop]
    ids = network.node_id
    leaves, arrives = np.isin(ids, tails), np.isin(ids, heads)
    lonely = network.is_zone & ~(leaves & arrives)
    in_turn = np.zeros(network.link_id.size, dtype=np.bool_)
    if network.turns.in_link.size:
        in_turn = np.isin(network.link_id, network.turns.in_link)
        in_turn &= np.isin(network.head, ids[network.no_through])
    timeless = (network.length_m > 0.0) & (network.t0_s == 0.0)
    if timeless.any():
        ends = ids[network.is_zone | network.no_through]
        timeless &= ~(np.isin(network.tail, ends) | np.isin(network.head, ends))
    findings = (
        (network.link_id[loop], "self-loop(s) left out, they carry 0: link"),
        (network.link_id[is_closed & ~loop], "link(s) that no class may use: link"),
        (network.link_id[timeless], "link(s) with a length and no time: link"),
        (
            network.link_id[in_turn],
            "link(s) whose turn rules end at a node without through traffic and mean nothing: link",
        ),
        (ids[arrives & ~leaves], "node(s) that only links arrive at: node"),
        (ids[leaves & ~arrives], "node(s) that only links leave: node"),
        (ids[lonely], "zone(s) without a link in or out, their trips are unserved: node"),
        (
            outside,
            "zone(s) outside the largest strong component, some of their trips are unserved: node",
        ),
    )
    return tuple(f"{found.size} {text} {named(found)}" for found, text in findings if found.size)
