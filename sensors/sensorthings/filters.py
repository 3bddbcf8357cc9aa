"""The tree of a ``$filter``: the grammar is that of odata-query, the functions are ours."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from sensors.sensorthings.functions import ARITIES, UNSUPPORTED
from sensors.sensorthings.problems import MalformedError, UnsupportedError

Node = ast._Node  # noqa: SLF001 - the base class of all nodes has no public name
LONGEST = 4096
DEEPEST = 100
_ID = re.compile(r"('(?:[^']|'')*')|@iot\.id")
_PARSER_FAULTS = (
    ODataException,
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""odata-query raises more than its own errors where a text lies outside its grammar."""


def parse_filter(text: str) -> Node:
    """Tree of a filter.

    Raises
    ------
    MalformedError
        If it is none, calls an unknown function, or is too long or too deep.
    UnsupportedError
        If it uses a function of OData that this server does not know, or a lambda.

    Examples
    --------
    >>> type(parse_filter("result gt 5")).__name__
    'Compare'
    """
    if len(text) > LONGEST:
        raise MalformedError(f"$filter has at most {LONGEST} characters, got {len(text)}")
    plain = _ID.sub(lambda found: found[1] or "id", text)
    parser = ODataParser()
    parser._function_call = _call  # noqa: SLF001 - its own table lacks the functions of SensorThings
    try:
        tree = parser.parse(ODataLexer().tokenize(plain))
    except (MalformedError, UnsupportedError):
        raise
    except _PARSER_FAULTS as error:
        raise MalformedError(f"$filter cannot be read: {str(error)[:200]}") from error
    if not isinstance(tree, Node):
        raise MalformedError("$filter is empty; leave it out")
    if depth(tree) > DEEPEST:
        raise MalformedError(f"$filter is nested deeper than {DEEPEST} levels; make it simpler")
    return tree


def _call(func: ast.Identifier, args: Sequence[Node]) -> ast.Call:
    name = func.full_name().lower()
    if name in UNSUPPORTED:
        raise UnsupportedError(f"the function {name} is not supported")
    if name not in ARITIES:
        raise MalformedError(f"the function {name[:40]} is unknown; use {', '.join(ARITIES)}")
    least, most = ARITIES[name]
    if not least <= len(args) <= most:
        raise MalformedError(f"the function {name} takes {least} to {most} arguments")
    return ast.Call(ast.Identifier(name), list(args))


def depth(tree: Node) -> int:
    """How many nodes lie above each other, without recursion."""
    deepest, todo = 0, [(tree, 1)]
    while todo:
        node, level = todo.pop()
        deepest = max(deepest, level)
        todo += [(below, level + 1) for below in children(node)]
    return deepest


def children(node: Any) -> Iterator[Node]:  # noqa: ANN401 - nodes have no common fields
    """Nodes directly below one."""
    names = getattr(node, "__dataclass_fields__", ())
    for name in names:
        value = getattr(node, name)
        yield from (
            item
            for item in (value if isinstance(value, list) else (value,))
            if isinstance(item, Node)
        )


def path_of(node: Node) -> tuple[str, ...] | None:
    """Names of a property path such as ``Datastream/Thing/name``; None if it is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.owner
    if not isinstance(node, ast.Identifier):
        return None
    names.append(node.full_name())
    return tuple(reversed(names))


def paths(tree: Node) -> Iterator[tuple[str, ...]]:
    """All property paths of a tree."""
    path = path_of(tree)
    if path is not None:
        yield path
        return
    below = tree.args if isinstance(tree, ast.Call) else children(tree)
    for node in below:
        yield from paths(node)


def conjuncts(tree: Node | None) -> list[Node]:
    """Parts of a filter that must all hold."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [*conjuncts(tree.left), *conjuncts(tree.right)]
    return [] if tree is None else [tree]


def joined(parts: Sequence[Node]) -> Node | None:
    """One filter that holds where all parts hold; None without parts."""
    whole: Node | None = None
    for part in parts:
        whole = part if whole is None else ast.BoolOp(ast.And(), whole, part)
    return whole
