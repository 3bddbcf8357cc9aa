"""XML as a tree of nodes with fixed prefixes: written, and read without DTD, entities or network.

Names are ``prefix:local`` with the prefixes of the caller's table, whatever prefixes a document
uses; names of other namespaces are ``{uri}local``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from twin.errors import DecodeError

XSI = "http://www.w3.org/2001/XMLSchema-instance"
TYPE = "xsi:type"
DEEPEST = 40
MOST_NODES = 500_000
LARGEST = 64 * 1024 * 1024
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;"}
)


@dataclass(slots=True)
class Node:
    """An element with its text or its children."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def all(self, name: str) -> Iterator["Node"]:
        """Children of this name."""
        return (child for child in self.children if child.name == name)

    def find(self, *path: str) -> "Node | None":
        """First node at this path below this one."""
        node: Node | None = self
        for name in path:
            node = None if node is None else next(node.all(name), None)
        return node

    def value(self, *path: str) -> str:
        """Text of the first node at this path; empty if there is none."""
        found = self.find(*path)
        return "" if found is None else found.text


def write(root: Node, namespaces: Mapping[str, str]) -> bytes:
    """Document in UTF-8; all namespaces are declared at its root."""
    declared = {f"xmlns:{prefix}": uri for prefix, uri in {**namespaces, "xsi": XSI}.items()}
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    parts.extend(_lines(root, "", declared))
    return "".join(parts).encode()


def _lines(node: Node, indent: str, declared: Mapping[str, str]) -> Iterator[str]:
    attributes = "".join(
        f' {name}="{value.translate(_ESCAPES)}"'
        for name, value in {**declared, **node.attributes}.items()
    )
    start = f"{indent}<{node.name}{attributes}"
    if node.children:
        yield f"{start}>\n"
        for child in node.children:
            yield from _lines(child, f"{indent}  ", {})
        yield f"{indent}</{node.name}>\n"
    elif node.text:
        yield f"{start}>{node.text.translate(_ESCAPES)}</{node.name}>\n"
    else:
        yield f"{start}/>\n"


def read(content: bytes, namespaces: Mapping[str, str]) -> Node:
    """Root of a document.

    Raises
    ------
    DecodeError
        If it is not well-formed, declares a document type, is too deep or too large.

    Examples
    --------
    >>> read(b'<x:a xmlns:x="u"><x:b>1</x:b></x:a>', {"n": "u"}).value("n:b")
    '1'
    """
    if len(content) > LARGEST:
        raise DecodeError(f"XML of {len(content):,} bytes, at most {LARGEST:,}; send less at once")
    builder = _Builder({uri: prefix for prefix, uri in {**namespaces, "xsi": XSI}.items()})
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartNamespaceDeclHandler = builder.declare
    parser.EndNamespaceDeclHandler = builder.forget
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add_text
    try:
        parser.Parse(content, True)  # noqa: FBT003 - the interface of expat
    except DecodeError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise DecodeError(f"not well-formed XML: {error}; check the sender") from None
    if builder.root is None:
        raise DecodeError("XML without any element; check the sender")
    return builder.root


def _refuse_document_type(*_: object) -> None:
    raise DecodeError("XML with a document type (DTD) is refused, entities with it; send without")


class _Builder:
    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._known = prefixes
        self._scopes: dict[str, list[str]] = {}
        self._open: list[Node] = []
        self._count = 0
        self.root: Node | None = None

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self._scopes.setdefault(prefix or "", []).append(uri or "")

    def forget(self, prefix: str | None) -> None:
        self._scopes[prefix or ""].pop()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_NODES or len(self._open) >= DEEPEST:
            raise DecodeError(
                f"XML with more than {MOST_NODES:,} elements or {DEEPEST} levels; send less at once"
            )
        named = {self._named(key): value for key, value in attributes.items()}
        if TYPE in named:
            prefix, _, local = named[TYPE].strip().rpartition(":")
            uris = self._scopes.get(prefix, [])
            named[TYPE] = self._named(f"{uris[-1]} {local}" if uris else local)
        node = Node(self._named(name), attributes=named)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, name: str) -> None:
        del name
        node = self._open.pop()
        node.text = node.text.strip()

    def add_text(self, text: str) -> None:
        self._open[-1].text += text

    def _named(self, name: str) -> str:
        uri, _, local = name.rpartition(" ")
        if not uri:
            return local
        prefix = self._known.get(uri)
        return f"{{{uri}}}{local}" if prefix is None else f"{prefix}:{local}"
