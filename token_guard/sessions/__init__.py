"""Records of sessions: observers of reports, which never hold any content. And conversations held for clients, sealed."""

from token_guard.sessions.compaction_log import CompactionEvent, CompactionLog
from token_guard.sessions.histories import OUTCOMES, Histories, Opened
from token_guard.sessions.originals import Originals
from token_guard.sessions.recent import Recent
from token_guard.sessions.sealing import Sealing
from token_guard.sessions.tracking import Counted, Sender, Tracking, session_id

__all__ = [
    "OUTCOMES",
    "CompactionEvent",
    "CompactionLog",
    "Counted",
    "Histories",
    "Opened",
    "Originals",
    "Recent",
    "Sealing",
    "Sender",
    "Tracking",
    "session_id",
]
