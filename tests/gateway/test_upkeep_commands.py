"""The commands that look at the data folder itself."""

from pathlib import Path

import pytest

from fencepost_gateway.commands.upkeep import proof
from gateway.rig import DOCUMENTS, OPEN_POLICY, open_rig


async def test_proof_of_nobody_is_said_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer says that it is empty, and how users are compared."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        monkeypatch.setenv("FENCEPOST_DATA_DIR", str(rig.gateway.settings.data_dir))
        capsys.readouterr()
        proof(verify=True)
        proof(user="u1")
        before = capsys.readouterr()
        await rig.consent()
        await rig.settle()
        proof(user="u1")
        after = capsys.readouterr()

    assert before.out == "no proof is on record yet\n"
    assert before.err == "no proof is on record of u1: user ids are compared letter by letter\n"
    assert "marketing: u -> y" in after.out
    assert after.err == ""
