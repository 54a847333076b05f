"""The chain of proofs in the file: changed bytes, rows of former releases, the command."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from typer.testing import CliRunner

from contract.store_kit import upload
from fencepost_gateway.__main__ import cli
from fencepost_gateway.decide.proof import verify
from fencepost_gateway.errors import StartError
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.stores.sqlite_proofs import read_proofs
from gateway.batches import NOW_MS, consent, event
from gateway.policies import WORKSPACE

COLUMNS = ["purpose", "channel", "old_value", "new_value", "at_ms", "received_ms", "proof", "hash"]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give a folder with three proofs in it, nobody serving."""
    store = open_sqlite(tmp_path)
    await store.admit(upload(event(1, "identify", user_id="u42")))
    for seq, value in enumerate("yny", 2):
        await store.admit(
            upload(consent(seq, NOW_MS + seq, marketing=value), user_id="u42", stream=value * seq)
        )
    await store.close()
    return tmp_path


def meddle(folder: Path, sql: str) -> None:
    """Change the file behind the store's back."""
    db = apsw.Connection(str(folder / "fencepost.db"))
    db.execute(sql)
    db.close()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_byte_changed_in_the_file_is_found(folder: Path, column: str, number: int) -> None:
    """One byte more or other in one column of one row, and that row is named."""
    value = f"{column} + 1" if column.endswith("_ms") else f"CAST({column} || 'x' AS TEXT)"
    if column in {"proof", "hash"}:
        value = f"CAST(substr({column}, 1, length({column}) - 1) AS BLOB)"
    meddle(folder, f"UPDATE consent_proof SET {column} = {value} WHERE id = {number}")  # noqa: S608 - the test's own words

    assert verify(read_proofs(folder)).broken_at == number


async def test_opening_again_does_not_heal_what_was_changed(folder: Path) -> None:
    """A chain that has begun is never written anew."""
    meddle(folder, "UPDATE consent_proof SET hash = x'' WHERE id = 2")
    await open_sqlite(folder).close()

    assert verify(read_proofs(folder)).broken_at == 2


async def test_rows_of_a_former_release_are_chained_once(folder: Path) -> None:
    """Where nothing is chained yet, opening the store begins the chain; new rows follow."""
    meddle(folder, "UPDATE consent_proof SET hash = x''")
    store = open_sqlite(folder)
    await store.admit(upload(consent(9, NOW_MS + 99, marketing="n"), user_id="u42"))
    await store.close()

    assert (verify(read_proofs(folder)).count, verify(read_proofs(folder)).broken_at) == (4, None)


async def test_command_tells_and_verifies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fencepost proof` tells a user's changes, and names the one that was changed."""
    monkeypatch.setenv("FENCEPOST_DATA_DIR", str(folder))
    monkeypatch.setenv("FENCEPOST_WORKSPACE", WORKSPACE)
    run = CliRunner()
    told = run.invoke(cli, ["proof", "--user", "u42"])
    nobody = run.invoke(cli, ["proof", "--user", "u43"])
    whole = run.invoke(cli, ["proof", "--verify"])
    meddle(folder, "UPDATE consent_proof SET new_value = 'y' WHERE id = 2")
    broken = run.invoke(cli, ["proof", "--verify"])

    first = [line.split(": ")[1] for line in told.output.splitlines() if " -> " in line]
    assert first == ["u -> y", "y -> n", "n -> y"]
    assert "marketing: u -> y" in told.output
    assert "        method: toggle" in told.output.splitlines()
    assert nobody.stdout == ""
    assert (whole.exit_code, whole.output.split()[0]) == (0, "3")
    assert broken.exit_code == 1
    assert "proof 2 is not what was written" in broken.output + broken.stderr


async def test_folder_without_a_store_is_said_to_be_one(tmp_path: Path) -> None:
    """There is nothing to read where no gateway has served; no file is made."""
    with pytest.raises(StartError, match="holds no store"):
        list(read_proofs(tmp_path))

    assert not (tmp_path / "fencepost.db").exists()
