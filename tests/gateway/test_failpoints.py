import pytest

from fencepost_gateway.errors import StartError
from fencepost_gateway.failpoints import FailpointError, read_failpoints

POINT = "send.after_confirm"


def test_failpoint_is_refused_outside_tests() -> None:
    """Nobody's gateway dies on purpose."""
    with pytest.raises(StartError, match="for tests"):
        read_failpoints(f"{POINT}:crash:1:0", "production")


@pytest.mark.parametrize("text", ["nowhere:crash", f"{POINT}:explode", f"{POINT}:crash:often"])
def test_failpoint_that_is_none_refuses_the_start(text: str) -> None:
    """A slip in a name would be a test that tests nothing."""
    with pytest.raises(StartError, match="write name:action"):
        read_failpoints(text, "test")


def test_failpoint_fires_as_its_seed_says() -> None:
    """A quarter of the time, the same times on every run; what is not armed never."""

    def fired(seed: str) -> list[bool]:
        points = read_failpoints(f"{POINT}:raise:0.25:{seed}", "test")
        found = []
        for _ in range(400):
            points.reach("send.before_connect")
            try:
                points.reach(POINT)
            except FailpointError:
                found.append(True)
            else:
                found.append(False)
        return found

    assert fired("a") == fired("a")
    assert fired("a") != fired("b")
    assert 60 < sum(fired("a")) < 140
