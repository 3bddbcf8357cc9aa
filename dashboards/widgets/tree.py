"""A part of a page that is replaced often and keeps its elements.

Dash makes all elements below ``children`` anew whenever a callback sets them: the focus, open
details and scroll positions inside are lost. ``Tree`` takes the same components in its property
``tree`` and lets React change only what differs.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from dash.development.base_component import Component

Content = Sequence[Component | str]


class TreeProps(TypedDict, total=False):
    """Properties of :class:`Tree`; see there."""

    id: str
    tag: str
    tree: Content
    looks: dict[str, Any]


class Tree(Component):
    """Element whose content is compared and not replaced.

    Properties that Python sets
    ---------------------------
    id, tag
        The element itself; ``tag`` is ``div`` by default.
    looks
        Attributes of the element itself besides its id, as React names them.
    tree
        Components of ``dash.html`` and texts. Elements with ``id``, ``data-id`` or ``data-uid``
        are recognised when their order changes.
    """

    _namespace = "stadtzwilling_parts"
    _type = "Tree"

    def __init__(self, **props: Unpack[TreeProps]) -> None:
        self._prop_names = list(TreeProps.__annotations__)
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        super().__init__(**props)
