"""Hours: spans of local time by weekday, as policies and campaigns write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fencepost_gateway.documents.models.base import Authored, Shape, Window, as_list

Windows = Annotated[
    list[Window], BeforeValidator(as_list), Shape('"08:00-21:00", a list of such, or [] for never')
]


class Allowed(Authored):
    """Spans of local time by weekday; a weekday written here replaces ``every_day``."""

    every_day: Windows = Field(default=[], description="Every weekday that is not named.")
    mo: Windows | None = Field(default=None, description="Monday.")
    tu: Windows | None = Field(default=None, description="Tuesday.")
    we: Windows | None = Field(default=None, description="Wednesday.")
    th: Windows | None = Field(default=None, description="Thursday.")
    fr: Windows | None = Field(default=None, description="Friday.")
    sa: Windows | None = Field(default=None, description="Saturday.")
    su: Windows | None = Field(default=None, description="Sunday.")
