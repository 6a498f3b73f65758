"""Unpacking the model archive that a training job made."""

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from container.errors import Refused
from container.predictor import ESTIMATOR_FILE, MODEL_FILE, ONNX_FILE, SCHEMA_FILE

MEMBERS = frozenset({ONNX_FILE, ESTIMATOR_FILE, SCHEMA_FILE, MODEL_FILE})
# Of all files together, unpacked: a small archive can claim any size.
LARGEST = 4 * 1024**3
# tarfile reads a header's texts at once and files in smaller pieces.
LARGEST_READ = 4 * 1024**2


class _Unpacked(gzip.GzipFile):
    """An archive's bytes; not as many at once as would fill the memory."""

    def read(self, size: int | None = -1) -> bytes:
        """Return bytes as GzipFile does."""
        if size is not None and size > LARGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def unpack(archive: Path, folder: Path) -> None:
    """Write the archive's model files into the folder; other plain files stay in it.

    Refuse the whole archive when one member is a link or a device, or would lie outside: no
    training of this image makes such a thing, so nothing else in it is to be believed.
    """
    unpacked = 0
    try:
        with _Unpacked(archive) as content_of, tarfile.open(fileobj=content_of, mode="r:") as packed:
            for member in packed:
                unpacked += member.size
                _refuse_dangerous(member, unpacked, archive.name)
                name = member.name.removeprefix("./")
                content = packed.extractfile(member) if name in MEMBERS else None
                if content:
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
            while content_of.read(LARGEST_READ):
                pass  # only at its end does gzip see whether the bytes are those that were packed
    except FileNotFoundError:
        raise Refused(f"{archive} is missing; the job's inputs must bring it") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise Refused(f"{archive.name} is no readable tar.gz archive: {error}") from None
    if not (folder / SCHEMA_FILE).is_file():
        raise Refused(f"{archive.name} holds no {SCHEMA_FILE}; it is no model of this image's train")


def _refuse_dangerous(member: tarfile.TarInfo, unpacked: int, archive: str) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        reason = "leads out of the model's folder"
    elif not (member.isfile() or member.isdir()):
        reason = "is a link" if member.issym() or member.islnk() else "is a device or a pipe"
    elif member.issparse():
        reason = "is a sparse file"
    elif unpacked > LARGEST:
        reason = f"makes it {unpacked} bytes, allowed are {LARGEST}"
    else:
        return
    raise Refused(f"{archive} is not unpacked: its member {member.name!r} {reason}; pack plain files only, as train writes them")
