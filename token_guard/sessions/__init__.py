"""Records of sessions: observers of reports, which never hold any content."""

from token_guard.sessions.compaction_log import CompactionEvent, CompactionLog

__all__ = ["CompactionEvent", "CompactionLog"]
