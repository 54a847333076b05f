"""The policy and the house that tests of the gateway use."""

from fencepost_gateway.decide.plan import Policy
from fencepost_gateway.intake.admission import House

WORKSPACE = "demo"


def make_policy() -> Policy:
    """Give a policy that presumes nothing but service messages."""
    return Policy(
        policy_id="default",
        version=1,
        accepts={
            "transactional": frozenset({"y", "CT", "CP"}),
            "collect": frozenset({"y", "CT"}),
            "*": frozenset({"y"}),
        },
        defaults={"transactional": "CT"},
    )


def make_house(policy: Policy | None = None) -> House:
    """Give the house whose door is tested."""
    return House(WORKSPACE, (policy or make_policy(),))
