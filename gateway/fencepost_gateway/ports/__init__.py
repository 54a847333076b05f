"""
Ports: what the gateway asks of the world outside, and the data that crosses.

``store`` is the one port there is, ``books`` its parts, ``rows`` what goes in and out.
"""

from fencepost_gateway.ports.books import (
    AddressLists,
    AudienceBook,
    FenceBook,
    PeopleBook,
    ProofBook,
    RunBook,
    SignHead,
)
from fencepost_gateway.ports.rows import (
    ADDRESSES_MAX,
    LEASE_MS,
    AddressChange,
    AddressMove,
    AddressSeen,
    AudienceDay,
    Claimed,
    DeviceSeen,
    DocumentRow,
    DueMessage,
    Effects,
    Holdings,
    InboxRow,
    RecordRow,
    RunRow,
    Statement,
    Sweep,
    Timer,
)
from fencepost_gateway.ports.store import (
    AckLevel,
    Admit,
    AdmitRequest,
    Answer,
    Judge,
    Settle,
    Store,
)

__all__ = [
    "ADDRESSES_MAX",
    "LEASE_MS",
    "AckLevel",
    "AddressChange",
    "AddressLists",
    "AddressMove",
    "AddressSeen",
    "Admit",
    "AdmitRequest",
    "Answer",
    "AudienceBook",
    "AudienceDay",
    "Claimed",
    "DeviceSeen",
    "DocumentRow",
    "DueMessage",
    "Effects",
    "FenceBook",
    "Holdings",
    "InboxRow",
    "Judge",
    "PeopleBook",
    "ProofBook",
    "RecordRow",
    "RunBook",
    "RunRow",
    "Settle",
    "SignHead",
    "Statement",
    "Store",
    "Sweep",
    "Timer",
]
