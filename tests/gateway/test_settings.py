from pathlib import Path

import pytest

from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are read, and what the environment says holds."""
    (tmp_path / "fencepost.toml").write_text('port = 9000\nworkspace = "shop"\n')
    monkeypatch.setenv("FENCEPOST_PORT", "9001")
    settings = read_settings()

    assert (settings.port, settings.workspace) == (9001, "shop")


def test_channel_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested settings are written with two underscores."""
    monkeypatch.setenv("FENCEPOST_CHANNELS__SMS__DRIVER", "capture")
    monkeypatch.setenv("FENCEPOST_CHANNELS__SMS__SETTINGS__PATH", "out")

    assert read_settings().channels["sms"].settings == {"path": "out"}


def test_every_wrong_setting_is_named_and_no_value_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All errors at once, with what is known; a value could be a secret."""
    (tmp_path / "fencepost.toml").write_text("prot = 9000\n")
    monkeypatch.setenv("FENCEPOST_PORT", "hush-hush")

    with pytest.raises(StartError) as caught:
        read_settings()
    text = str(caught.value)
    assert "prot" in text
    assert "port" in text
    assert "hush-hush" not in text


def test_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in FENCEPOST_CONFIG is not silently ignored."""
    monkeypatch.setenv("FENCEPOST_CONFIG", "nowhere.toml")

    with pytest.raises(StartError, match=r"nowhere\.toml"):
        read_settings()


def test_file_that_is_no_toml_is_an_error(tmp_path: Path) -> None:
    """The message says that it is the settings file."""
    (tmp_path / "fencepost.toml").write_text("port = = 1")

    with pytest.raises(StartError, match="settings file"):
        read_settings()


def test_every_setting_says_what_it_does() -> None:
    """The reference is made of these sentences."""
    assert all(field.description for field in Settings.model_fields.values())
