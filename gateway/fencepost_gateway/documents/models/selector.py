"""Selector: which fences are meant, by id, tag or library; several members are AND-ed."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fencepost_gateway.decide.place import Selector
from fencepost_gateway.documents.models.base import Authored, Id, Tag, refuse


class FenceSelector(Authored):
    """At least one of the members; all that stand must fit."""

    id: Id | None = Field(default=None, description="The fence with this id.")
    tag: Tag | None = Field(default=None, description="Every fence with this tag.")
    library: Id | None = Field(default=None, description="Every fence of this library.")

    @model_validator(mode="after")
    def _selects_something(self) -> Self:
        if not (self.id or self.tag or self.library):
            refuse("the selector selects nothing", "write {id: …}, {tag: …} or {library: …}")
        return self

    def selector(self) -> Selector:
        """Give the selector as deciding uses it."""
        return Selector(self.id or "", self.tag or "", self.library or "")
