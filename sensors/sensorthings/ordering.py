"""Rows in the order that ``$orderby`` asks for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensors.sensorthings.columns import Column, as_kind
from sensors.sensorthings.evaluation import Source
from sensors.sensorthings.options import Order
from sensors.sensorthings.problems import MalformedError


def order_of(source: Source, orders: Sequence[Order]) -> NDArray[np.int64]:
    """Rows in order; those that are equal stay in theirs. Unknown values come first.

    Raises
    ------
    MalformedError
        If a property has no order or does not exist.
    """
    keys = []
    for order in orders:
        ranks = _ranks(source.column(order.path))
        keys.append(-ranks if order.is_descending else ranks)
    if not keys:
        return np.arange(len(source), dtype=np.int64)
    return np.lexsort(keys[::-1]).astype(np.int64)


def _ranks(column: Column) -> NDArray[np.int64]:
    if column.kind == "geometry":
        raise MalformedError("geometries have no order; order by another property")
    if column.kind == "any":
        column = as_kind(column, "text", what="$orderby")
    ranks = np.full(len(column), -1, np.int64)
    ranks[column.known] = np.unique(column.values[column.known], return_inverse=True)[1]
    return ranks
