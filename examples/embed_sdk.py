"""
The smallest app with Fencepost inside: ``python examples/embed_sdk.py URL KEY [USER]``.

It says who is here and what they allow, walks them into the yoga loft of ``examples/old-town``, and
shows the message that comes. Marketing keeps quiet hours in the time zone of this machine (``TZ``).
"""

from __future__ import annotations

import sys
from threading import Event

from fencepost_sdk import Message, Messages, init
from fencepost_sdk.location import Fix, Location

ON_THE_STREET = Fix(48.21104, 11.12740, accuracy_m=8.0)
IN_THE_LOFT = Fix(48.21104, 11.129619, accuracy_m=8.0)
WALK_S = 0.5  # quick feet
STAY_FIXES = 5  # so quick that the gateway believes it only when it hears it again
STAY_S = 0.1
WAIT_S = 10.0


def main(host: str, key: str, user_id: str = "u42") -> None:
    """Walk one person into one fence."""
    arrived = Event()

    def show(message: Message) -> None:
        print(f"message: {message.title}. {message.body}")
        message.displayed()
        arrived.set()

    with init(key, host=host, location=Location(), messages=Messages(poll_s=0.5)) as fp:
        fp.on("message", show)
        fp.identify(user_id, {"first_name": "Mina"})  # first: consent is said by who is here
        fp.set_consent(
            dict.fromkeys(
                ["collect", "personalisation", "marketing", "location_collect",
                 "location_precise", "location_marketing"], "y",
            ),
            text="welcome-v1/en", surface="onboarding",
        )  # fmt: skip
        fp.location.update(ON_THE_STREET)
        fp.track("cart_viewed", {"value": 29.9})
        arrived.wait(WALK_S)
        for _ in range(STAY_FIXES):
            fp.location.update(IN_THE_LOFT)
            arrived.wait(STAY_S)
        print("sent:", fp.flush())
        if not arrived.wait(WAIT_S):
            print(f"no message: ask why with `fencepost explain --user {user_id}`. It may be quiet")
            print("time here, or this user came in already within the last 24 hours.")
        print("state:", fp.status().sentence)


if __name__ == "__main__":
    main(*sys.argv[1:])
