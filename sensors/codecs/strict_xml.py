"""XML without what makes it dangerous: no DTD, no entities, nothing fetched, bounded. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from sensors.codecs.decoder import RefusedError
from twin.model.messages import Limits

XSI_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
ELEMENTS_PER_ITEM = 40


@dataclass(slots=True)
class Element:
    """An element; ``type`` is the resolved ``xsi:type``. Names are namespace URI and local name."""

    uri: str
    name: str
    attributes: dict[str, str]
    type: tuple[str, str] | None = None
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str, *, within: str) -> Iterator["Element"]:
        """Children with this local name whose namespace begins with ``within``."""
        return (one for one in self.children if one.name == name and one.uri.startswith(within))

    def first(self, name: str, *, within: str) -> "Element | None":
        """First such child."""
        return next(self.all(name, within=within), None)

    def walk(self) -> Iterator["Element"]:
        """The element and all below it."""
        waiting: list[Element] = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.children))


def parse(content: bytes, limits: Limits) -> Element:
    """Root of a document.

    Raises
    ------
    RefusedError
        ``not_xml`` if it is not well-formed or declares a document type (with entities or without),
        ``too_deep``, ``too_many_items``.

    Examples
    --------
    >>> parse(b'<a xmlns="u"><b>1</b></a>', Limits()).children[0].text
    '1'
    """
    builder = _Builder(limits)
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
    except RefusedError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        reason = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else ""
        raise RefusedError(
            "not_xml", f"not well-formed XML: {reason or 'encoding unknown'}; check the sender"
        ) from None
    if builder.root is None:
        raise RefusedError("not_xml", "no element at all; check the sender")
    return builder.root


def _refuse_document_type(*_: object) -> None:
    raise RefusedError(
        "not_xml", "XML with a document type (DTD) is refused, entities with it; send without"
    )


class _Builder:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: list[Element] = []
        self._prefixes: dict[str, list[str]] = {}
        self._count = 0
        self.root: Element | None = None

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes.setdefault(prefix or "", []).append(uri or "")

    def forget(self, prefix: str | None) -> None:
        self._prefixes[prefix or ""].pop()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_PER_ITEM * self._limits.items:
            raise RefusedError("too_many_items", "too many elements; send less at once")
        if len(self._open) >= self._limits.depth:
            raise RefusedError("too_deep", f"nested deeper than {self._limits.depth} levels")
        uri, _, local = name.rpartition(" ")
        kind = attributes.get(XSI_TYPE)
        element = Element(uri, local, attributes, None if kind is None else self._resolve(kind))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        del name
        element = self._open.pop()
        element.text = element.text.strip()

    def add_text(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def _resolve(self, kind: str) -> tuple[str, str]:
        prefix, _, local = kind.strip().rpartition(":")
        uris = self._prefixes.get(prefix, [])
        return (uris[-1] if uris else "", local)
