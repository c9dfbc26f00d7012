"""The page of notes that people can read says what the code writes today."""

from __future__ import annotations

from pathlib import Path

import reading

PAGE = Path(__file__).parents[1] / "docs" / "reading.md"


def test_the_page_of_notes_is_what_is_written_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == reading.page(), "run `python benchmarks/reading.py`, read the notes, and mend their remarks"


def test_every_note_of_the_page_is_remarked_upon() -> None:
    assert [session.title for session in reading.SESSIONS if not all(session.missing.values())] == []
