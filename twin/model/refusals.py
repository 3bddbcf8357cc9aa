"""Errors that say in both languages what is missing or wrong, for those who read no log."""

from twin.errors import InsufficientData, NotAvailable
from twin.model.findings import Phrase
from twin.model.phrases import said


class LackingError(InsufficientData):
    """There is too little input yet; ``phrases`` say of what, the message says it in English.

    Examples
    --------
    >>> lacking = LackingError(Phrase("wait.no_hour", {"channels": "B10.crack"}))
    >>> str(lacking)
    'no full hour is stored of B10.crack'
    """

    def __init__(self, *phrases: Phrase) -> None:
        super().__init__(_english(phrases))
        self.phrases = phrases


class UnfitError(NotAvailable):
    """The input cannot be used as it is; ``phrases`` say why, the message says it in English."""

    def __init__(self, *phrases: Phrase) -> None:
        super().__init__(_english(phrases))
        self.phrases = phrases


def refused_as(error: Exception) -> tuple[Phrase, ...]:
    """Phrases of an error; none where it has only a message."""
    return error.phrases if isinstance(error, (LackingError, UnfitError)) else ()


def reasons_of(error: Exception) -> tuple[Phrase, ...]:
    """Phrases of an error; its message as it is where it has none."""
    return refused_as(error) or (Phrase("state.parts", {"reason": str(error)}),)


def of_channel(uid: str, error: Exception) -> Phrase:
    """What is missing or wrong with one channel.

    Examples
    --------
    >>> said(of_channel("B10.crack", LackingError(Phrase("wait.two_rows"))), "de")
    'B10.crack: die Trainingszeit enthält keine zwei Zeilen: auf Daten warten'
    """
    phrases = refused_as(error)
    if phrases:
        return Phrase("wait.channel", {"channel": uid}, phrases)
    return Phrase("wait.channel", {"channel": uid, "reason": str(error)})


def _english(phrases: tuple[Phrase, ...]) -> str:
    return "; ".join(said(phrase, "en") for phrase in phrases)
