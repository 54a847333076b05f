"""The documents of the stories, as folders that anybody may copy."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli

FOLDERS = sorted(Path(__file__).parent.glob("story_*/documents"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_folder_of_a_story_is_accepted(folder: Path) -> None:
    """`fencepost check` finds nothing wrong in a story's documents, nor anything doubtful."""
    found = CliRunner().invoke(cli, ["check", str(folder)])

    assert found.exit_code == 0, found.output
    assert "warning" not in found.output.casefold(), found.output
