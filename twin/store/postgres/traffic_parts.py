"""Files that lie in a table in pieces, so that no row is large."""

from collections.abc import Mapping

from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query
from twin.store.text import is_storable, require_storable

PIECE_BYTES = 1024 * 1024


def insert_parts(connection: Connection, name: str, owner: int, parts: Mapping[str, bytes]) -> None:
    """Write files by name in pieces; within the transaction of the caller."""
    for part, content in parts.items():
        require_storable(part, what="name of a file")
        for piece, start in enumerate(range(0, max(len(content), 1), PIECE_BYTES)):
            values = {
                "owner": owner,
                "part": part,
                "piece": piece,
                "content": content[start : start + PIECE_BYTES],
            }
            connection.execute(query(name), values)


def read_part(connection: Connection, name: str, owner: int, part: str) -> bytes | None:
    """A file, or None if there is none of this name."""
    if not is_storable(part):
        return None
    cursor = connection.cursor(binary=True)
    cursor.execute(query(name), {"owner": owner, "part": part})
    pieces = [bytes(content) for (content,) in cursor]  # pyrefly: ignore[bad-argument-type]
    return b"".join(pieces) if pieces else None
