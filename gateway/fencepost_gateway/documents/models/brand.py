"""Brand: who sends, as those who get the messages know it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fencepost_gateway.documents.models.base import NAME_MAX, Authored, Id, Name, refuse


def _line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        refuse("not one line", "write it on one line, without blanks around it")
    return text


Line = Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_line)]


class Brand(Authored):
    """
    Who sends: what a policy may want every message to say.

    A campaign names its brand with `brand:`; one that names none, or one that has no document,
    speaks for the brand that is the default, or is the only one.
    """

    kind: Literal["brand"]
    id: Id = Field(description="Unique among brands; what `brand:` of a campaign names.")
    name: Name = Field(min_length=1, description="The sender, as people know it.")
    contact: Line = Field(default="", description="Number, mailbox or page that reaches it.")
    postal_address: Line = Field(default="", description="Where post reaches it.")
    free_number: Line = Field(
        default="", description="Number at which people say no by SMS free of charge."
    )
    default: bool = Field(
        default=False, description="Campaigns without a brand of their own are this one's."
    )
