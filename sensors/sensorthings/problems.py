"""What a request may have wrong, with the status that the standard gives it."""

from twin.errors import TwinError


class RequestError(TwinError, ValueError):
    """A request that is not answered; ``status`` is that of the response."""

    status = 400


class MalformedError(RequestError):
    """An address, option or literal that cannot be read, or that makes no sense: 400."""


class UnsupportedError(RequestError):
    """Something that the standard or OData knows and this server does not: 501."""

    status = 501


class UnknownEntityError(RequestError):
    """An entity, property or address that does not exist: 404."""

    status = 404


class ConflictError(RequestError):
    """Something that is there already in another way, or belongs to another source: 409."""

    status = 409


class NotYetError(RequestError):
    """Something that is not done yet and may be repeated: 503."""

    status = 503
