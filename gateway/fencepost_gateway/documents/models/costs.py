"""Costs: what a segment of a short message costs, and how much may be spent a day."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from fencepost_gateway.documents.models.base import Authored, Shape, refuse
from fencepost_gateway.documents.models.policy import Country

Amount = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class SmsCosts(Authored):
    """
    What SMS cost, by your contract: shown with each claim, and the ground of the daily cap.

    Every message counts, service messages too.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="Of all amounts, such as EUR.")
    prices: Annotated[dict[Country, Amount], Shape("ISO 3166-1 country → price")] = Field(
        default={}, description="Price of one segment, by the number's country."
    )
    other: Amount | None = Field(default=None, description="Price of one in every other country.")
    per_day: Amount | None = Field(
        default=None,
        description="The most that may be spent in a day (UTC); beyond it a message goes by "
        "another channel or is withheld (`spend_cap`). Default: no bound.",
    )

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.per_day is not None and not self.other:
            refuse("a bound without a price for every country", "add other: the dearest you pay")
        return self
