"""The smallest app with Fencepost inside: ``python examples/embed_sdk.py URL KEY``."""

import sys

from fencepost_sdk import init
from fencepost_sdk.location import Fix, Location


def main(host: str, key: str) -> None:
    """Say who is here, allow what is needed, stand at one place, and look what came."""
    with init(key, host=host, consent={"collect": "CT"}, location=Location()) as fp:
        fp.on("message", lambda message: print("message:", message.title))
        fp.identify("u42", {"first_name": "Mina", "tier": "plus"})
        fp.set_consent(
            {"marketing": "y", "location_collect": "y", "location_precise": "y",
             "location_marketing": "y"},
            text="welcome-v1/en", surface="onboarding",
        )  # fmt: skip
        fp.track("cart_viewed", {"value": 29.9})
        fp.location.update(Fix(48.21104, 11.129619, accuracy_m=8.0))
        print("sent:", fp.flush())
        print("state:", fp.status())


if __name__ == "__main__":
    main(*sys.argv[1:])
