"""A section of the settings: options that belong together."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from token_guard.settings.words import as_meant

__all__ = ["Section"]


class Section(BaseModel):
    """Options that belong together; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _words_as_meant(cls, options: Any) -> Any:
        return as_meant(cls.model_fields, options)
