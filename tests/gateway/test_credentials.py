import json
import stat
from pathlib import Path

import pytest

from fencepost_gateway.credentials import (
    KEYS_FILE,
    PROOF_FILE,
    VAPID_FILE,
    open_credentials,
    set_team_key,
)
from fencepost_gateway.errors import StartError


def test_first_start_makes_private_keys_and_says_where(tmp_path: Path) -> None:
    """Keys and Web Push pair are made once, readable by the owner alone."""
    first = open_credentials(tmp_path / "data")
    again = open_credentials(tmp_path / "data")

    assert [p.name for p in first.made] == [KEYS_FILE, VAPID_FILE, PROOF_FILE]
    assert again.proof_key.public == first.proof_key.public
    assert again.made == ()
    assert again.write_key == first.write_key
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in first.made)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.bad_input(119)
@pytest.mark.parametrize("name", [KEYS_FILE, VAPID_FILE, PROOF_FILE])
def test_key_file_that_others_can_read_stops_the_start(tmp_path: Path, name: str) -> None:
    """A leaked key is not served with; the message says how to mend it."""
    open_credentials(tmp_path)
    (tmp_path / name).chmod(0o644)

    with pytest.raises(StartError, match="chmod 600"):
        open_credentials(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"write_key": 1}'])
def test_damaged_key_file_is_not_replaced(tmp_path: Path, text: str) -> None:
    """New keys would lock out every app, so the file stays as it is."""
    open_credentials(tmp_path)
    (tmp_path / KEYS_FILE).write_text(text)

    with pytest.raises(StartError, match="backup"):
        open_credentials(tmp_path)
    assert (tmp_path / KEYS_FILE).read_text() == text


def test_keys_do_not_show_in_a_repr(tmp_path: Path) -> None:
    """Whoever prints the credentials prints no secret."""
    credentials = open_credentials(tmp_path)
    shown = repr(credentials)

    assert credentials.operator_key not in shown
    assert credentials.seed not in shown
    assert "PRIVATE KEY" not in shown


def test_team_gets_a_key_and_loses_it(tmp_path: Path) -> None:
    """A new key ends the one before; the other keys and the file's mode stay."""
    before = open_credentials(tmp_path)
    keys = [set_team_key(tmp_path, name) for name in ("north", "south", "north")]
    during = open_credentials(tmp_path)
    set_team_key(tmp_path, "south", revoke=True)
    after = open_credentials(tmp_path)

    assert dict(during.team_keys) == {"north": keys[2], "south": keys[1]}
    assert len(set(keys)) == 3
    assert dict(after.team_keys) == {"north": keys[2]}
    assert (after.write_key, after.seed) == (before.write_key, before.seed)
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600
    assert keys[2] not in repr(after)


@pytest.mark.parametrize("keys", [{"": "sk_x"}, {"north": ""}, {"north": 1}, ["north"]])
def test_team_key_that_lets_in_anybody_stops_the_start(tmp_path: Path, keys: object) -> None:
    """An empty key would be everybody's, and a team without a name owns what nobody owns."""
    open_credentials(tmp_path)
    known = json.loads((tmp_path / KEYS_FILE).read_text())
    (tmp_path / KEYS_FILE).write_text(json.dumps({**known, "team_keys": keys}))

    with pytest.raises(StartError, match="backup"):
        open_credentials(tmp_path)


@pytest.mark.parametrize("team", ["", " "])
def test_team_without_a_name_gets_no_key(tmp_path: Path, team: str) -> None:
    """It would own the libraries that say no team."""
    open_credentials(tmp_path)

    with pytest.raises(StartError, match="has a name"):
        set_team_key(tmp_path, team)


def test_team_key_needs_the_gateways_folder(tmp_path: Path) -> None:
    """Keys of a gateway that is not here are not invented."""
    with pytest.raises(StartError, match="first start"):
        set_team_key(tmp_path, "north")
