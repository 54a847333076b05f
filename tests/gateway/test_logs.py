"""What the process prints about itself."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from fencepost_gateway.logs import set_up_logs

SECRET = "canary-4471"


def fail() -> None:
    """Raise with a text that must not be printed, from one that must not be either."""
    try:
        dict[str, int]()[SECRET]
    except KeyError as error:
        raise ValueError(f"bad {SECRET}") from error


def test_exception_text_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception is told by types and places; its text could quote an address."""
    set_up_logs()
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("some.bug", message_id="m-1")
    printed = capsys.readouterr().err
    line = json.loads(printed)

    assert SECRET not in printed
    assert (line["event"], line["message_id"]) == ("some.bug", "m-1")
    assert [told for told in line["exception"] if told.startswith("builtins.")] == [
        "builtins.KeyError",
        "builtins.ValueError",
    ]
    assert any(told.endswith(" fail") for told in line["exception"])


def test_library_is_told_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library logs may quote a request: only who spoke is printed, from warnings up."""
    set_up_logs()
    logging.getLogger("some.library").warning("bad header %s", SECRET)
    logging.getLogger("some.library").info("hello %s", SECRET)
    printed = capsys.readouterr().err
    line = json.loads(printed)

    assert SECRET not in printed
    assert (line["event"], line["logger"]) == ("library.log", "some.library")
    assert line["level"] == "warning"


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_line_that_cannot_be_printed_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Whoever read stderr is gone, or it was closed: all goes on, and the next line prints."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

    set_up_logs()
    monkeypatch.setattr("sys.stderr", Gone())
    structlog.get_logger().warning("some.line")
    monkeypatch.setattr("sys.stderr", there := io.StringIO())
    structlog.get_logger().warning("next.line")

    assert json.loads(there.getvalue())["event"] == "next.line"
