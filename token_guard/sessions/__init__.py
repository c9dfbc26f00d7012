"""Records of sessions: observers of reports, which never hold any content."""

from token_guard.sessions.compaction_log import CompactionEvent, CompactionLog
from token_guard.sessions.recent import Recent
from token_guard.sessions.tracking import Counted, Sender, Tracking, session_id

__all__ = ["CompactionEvent", "CompactionLog", "Counted", "Recent", "Sender", "Tracking", "session_id"]
