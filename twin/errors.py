"""Everything that Stadtzwilling raises on purpose.

::

    TwinError
    ├── SettingsError       a setting is unknown, missing or contradicts another
    ├── ModelError          a value does not fit the model
    │   ├── CityError       a city folder cannot be loaded as it is
    │   ├── NetworkError    a road network cannot be computed with as it is
    │   ├── ScenarioError   a scenario is not sound or has no effect; holds all problems
    │   ├── DecisionError   a decision on a measure is not sound or not possible; all problems
    │   │   ├── DecisionChangedError    somebody else changed it meanwhile
    │   │   └── ReleaseError    a release key is missing, wrong or locked out
    │   ├── ComparisonError two results cannot be compared
    │   ├── DemandError     trips do not fit their network or their zones
    │   ├── NotAvailable    a figure cannot be given for this bridge or by this model
    │   ├── OutOfValidity   a result would lie outside the limits of its model
    │   └── InsufficientData    there is too little or too poor input for an answer
    ├── RegistryError       an asset, datastream or quantity is unknown or ambiguous
    ├── DecodeError         bytes on a wire do not follow their format
    ├── StoreError          the store refuses a request
    │   ├── StoreUnavailableError   the database cannot be reached now; repeat later
    │   └── MigrationError  the schema cannot be brought to this version
    ├── EmbeddedError       an embedded service cannot be started or stopped
    │   └── AlreadyRunningError     another process holds this data folder
    ├── DetailError         a detailed check of a sub-area cannot be run
    │   └── ExtraMissingError   the programme it needs is not installed
    ├── ReportError         a paper cannot be made of a run
    ├── SolveError          an equilibrium cannot be computed
    │   ├── NoCompletePassError     stopped before any state had a certificate
    │   └── PathStoreTooLarge       the paths in use need more memory than allowed
    └── PluginError         an entry point does not load or does not fit its group

A message says what is wrong, which value, and what to do. InsufficientData and NotAvailable that
reach a reader in two languages are LackingError and UnfitError of `twin.model.refusals`.
"""


class TwinError(Exception):
    """Root of all errors raised on purpose."""


class SettingsError(TwinError, ValueError):
    """A setting is unknown, missing or contradicts another one."""


class ModelError(TwinError, ValueError):
    """A value does not fit the model."""


class CityError(ModelError):
    """A city folder cannot be loaded as it is."""


class NetworkError(ModelError):
    """A road network cannot be computed with as it is."""


class DemandError(ModelError):
    """Trips do not fit their network or their zones."""


class ScenarioError(ModelError):
    """A scenario is not sound or has no effect; ``problems`` are all that was found."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class DecisionError(ModelError):
    """A decision on a measure is not sound or not possible now; ``problems`` are all of them."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class DecisionChangedError(DecisionError):
    """Somebody else changed the decision meanwhile; read it again."""


class ReleaseError(DecisionError, PermissionError):
    """A release key is missing, wrong or locked out; ``is_locked_out`` tells the last."""

    def __init__(self, message: str, *, is_locked_out: bool = False) -> None:
        super().__init__(message)
        self.is_locked_out = is_locked_out


class ComparisonError(ModelError):
    """Two results cannot be compared."""


class NotAvailable(ModelError):  # noqa: N818 - the specification names it so
    """A figure cannot be given for this bridge or by this model; the message says why."""


class OutOfValidity(ModelError):  # noqa: N818 - the specification names it so
    """A result would lie outside the limits of its model."""


class InsufficientData(ModelError):  # noqa: N818 - the specification names it so
    """There is too little or too poor input for an answer."""


class ReportError(TwinError):
    """A paper cannot be made of a run."""


class RegistryError(TwinError, LookupError):
    """An asset, datastream or quantity is unknown or ambiguous."""


class DecodeError(TwinError, ValueError):
    """Bytes on a wire do not follow their format."""


class StoreError(TwinError, RuntimeError):
    """The store refuses a request."""


class StoreUnavailableError(StoreError, ConnectionError):
    """The database cannot be reached now; the same request may succeed later."""


class MigrationError(StoreError):
    """The schema cannot be brought to the version this programme needs."""


class EmbeddedError(TwinError, RuntimeError):
    """An embedded service cannot be started or stopped."""


class AlreadyRunningError(EmbeddedError):
    """Another process holds this data folder."""


class PluginError(TwinError, TypeError):
    """An entry point does not load or does not fit its group."""


class DetailError(TwinError, RuntimeError):
    """A detailed check of a sub-area cannot be run."""


class ExtraMissingError(DetailError):
    """The programme that a detailed check needs is not installed."""


class SolveError(TwinError, RuntimeError):
    """An equilibrium cannot be computed."""


class NoCompletePassError(SolveError):
    """A run was stopped before any state with a certificate existed."""


_TEN_MEGABYTES = 10_000_000  # below, whole megabytes say too little


def _megabytes(size: int) -> str:
    """Bytes in MB, with the digits that a small size needs."""
    return f"{size / 1e6:,.0f}" if size >= _TEN_MEGABYTES else f"{size / 1e6:.3g}"


class PathStoreTooLarge(SolveError, MemoryError):  # noqa: N818 - the specification names it so
    """The paths in use need more memory than the run may take.

    Parameters
    ----------
    needed, allowed : int
        Bytes.
    """

    def __init__(self, needed: int, allowed: int) -> None:
        self.needed, self.allowed = needed, allowed
        super().__init__(
            f"the paths in use need {_megabytes(needed)} MB, allowed are {_megabytes(allowed)} MB; "
            "allow more with `path_memory_bytes`, ask for a larger gap, or leave out pairs with "
            "very few trips"
        )
