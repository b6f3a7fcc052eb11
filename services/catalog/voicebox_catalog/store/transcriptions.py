"""Transcriptions in the database."""

from voicebox_sql.database import Database

from .history import HistoryStore
from .history_pages import HistoryPages
from .tables import Transcription


class TranscriptionStore(HistoryStore[Transcription]):
    """The transcriptions of all owners, each of whom sees their own. Pages have no utterances, which can be 4 MiB
    each.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database, "transcription", HistoryPages(Transcription, frozenset(), left_out=("utterances",)))
