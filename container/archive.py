"""Unpacking the model archive that a training job made."""

import tarfile
from pathlib import Path

from container.errors import Refused
from container.predictor import ESTIMATOR_FILE, MODEL_FILE, ONNX_FILE, SCHEMA_FILE

MEMBERS = frozenset({ONNX_FILE, ESTIMATOR_FILE, SCHEMA_FILE, MODEL_FILE})


def unpack(archive: Path, folder: Path) -> None:
    """Write the archive's model files into the folder; whatever else it holds stays in it."""
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                # By name and as plain content: no path, link or device of the archive is ever followed.
                if name in MEMBERS and member.isfile():
                    content = packed.extractfile(member)
                    (folder / name).write_bytes(content.read() if content else b"")
    except FileNotFoundError:
        raise Refused(f"{archive} is missing; the job's inputs must bring it") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Refused(f"{archive.name} is no readable tar.gz archive: {error}") from None
    if not (folder / SCHEMA_FILE).is_file():
        raise Refused(f"{archive.name} holds no {SCHEMA_FILE}; it is no model of this image's train")
