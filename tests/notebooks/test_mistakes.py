"""A newcomer's likely mistakes: a notebook stops with one sentence that says what to do, and no traceback."""

import asyncio
import os
import socket
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SECONDS = 120
PLACE = {"AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
         "AWS_EC2_METADATA_DISABLED": "true"}


def stopped_with(name: str, variables: dict[str, str]) -> list[str]:
    """Run a notebook in an environment of these variables alone as far as AWS goes; return what is shown where it stops."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.km = client.create_kernel_manager()
    with pytest.raises(CellExecutionError):
        asyncio.run(client.async_execute(env=kept | variables))
    [error] = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs if output.output_type == "error"]
    return list(error.traceback)


def silent_address() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_local_aws_that_is_not_up() -> None:
    address = silent_address()
    [told] = stopped_with("3_api", PLACE | {"AWS_ENDPOINT_URL": address})
    assert told.startswith(f"Nothing answers at {address}. Start a local AWS in another shell, bash scripts/demo.sh --keep")


@pytest.mark.parametrize(("without", "words"), [("AWS_ACCESS_KEY_ID", "There are no credentials"), ("AWS_DEFAULT_REGION", "There is no region")])
def test_credentials_or_a_region_that_are_missing(tmp_path: Path, without: str, words: str) -> None:
    nobodys = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    given = {name: value for name, value in (PLACE | nobodys).items() if name not in (without, "AWS_ENDPOINT_URL")}
    [told] = stopped_with("2_jobs", given)
    assert told.startswith(words)
