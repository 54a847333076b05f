import stat
from pathlib import Path

import pytest

from fencepost_gateway.credentials import KEYS_FILE, VAPID_FILE, open_credentials
from fencepost_gateway.errors import StartError


def test_first_start_makes_private_keys_and_says_where(tmp_path: Path) -> None:
    """Keys and Web Push pair are made once, readable by the owner alone."""
    first = open_credentials(tmp_path / "data")
    again = open_credentials(tmp_path / "data")

    assert [p.name for p in first.made] == [KEYS_FILE, VAPID_FILE]
    assert again.made == ()
    assert again.write_key == first.write_key
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in first.made)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.bad_input(119)
@pytest.mark.parametrize("name", [KEYS_FILE, VAPID_FILE])
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
