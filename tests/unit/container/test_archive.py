"""What a model archive may hold."""

import gzip
import io
import random
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from image_jobs import Job

from container.archive import unpack
from container.errors import Refused


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def packed(path: Path, *members: tarfile.TarInfo) -> Path:
    """Make an archive with a good schema.json before the members, so that only these can be what is refused."""
    with tarfile.open(path / "model.tar.gz", "w:gz") as archive:
        schema = member("schema.json")
        schema.size = 2
        archive.addfile(schema, io.BytesIO(b"{}"))
        for each in members:
            archive.addfile(each, io.BytesIO(b"x" * each.size))
    return path / "model.tar.gz"


DANGEROUS = {
    "parent": (member("../escaped.txt"), "leads out of the model's folder"),
    "deep parent": (member("model/../../escaped.txt"), "leads out"),
    "absolute": (member("/tmp/escaped.txt"), "leads out"),  # noqa: S108
    "absolute model file": (member("/schema.json"), "leads out"),
    "symbolic link": (member("model.onnx", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
    "hard link": (member("model.onnx", tarfile.LNKTYPE, "schema.json"), "is a link"),
    "folder that is a link": (member("code", tarfile.SYMTYPE, "/etc"), "is a link"),
    "character device": (member("model.onnx", tarfile.CHRTYPE), "is a device"),
    "block device": (member("disk", tarfile.BLKTYPE), "is a device"),
    "sparse file": (member("model.onnx", tarfile.GNUTYPE_SPARSE), "is a sparse file"),
    "pipe": (member("model.json", tarfile.FIFOTYPE), "is a device or a pipe"),
}


@pytest.mark.parametrize("case", DANGEROUS)
def test_an_archive_with_a_dangerous_member_is_refused_by_its_name(tmp_path, case):
    dangerous, words = DANGEROUS[case]
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(Refused, match=words) as refusal:
        unpack(packed(tmp_path, dangerous), folder)
    assert repr(dangerous.name) in str(refusal.value)
    assert {path.name for path in tmp_path.rglob("*")} == {"model", "model.tar.gz", "schema.json"}
    assert not Path("/tmp/escaped.txt").exists()  # noqa: S108


def test_a_member_of_any_size_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("container.archive.LARGEST", 10)
    large = member("model.onnx")
    large.size = 11
    with pytest.raises(Refused, match="'model.onnx' makes it 13 bytes, allowed are 10"):
        unpack(packed(tmp_path, large), tmp_path)
    assert not (tmp_path / "model.onnx").exists()


def test_many_members_may_not_be_larger_together(tmp_path, monkeypatch):
    monkeypatch.setattr("container.archive.LARGEST", 100)
    again = member("model.onnx")
    again.size = 30
    with pytest.raises(Refused, match="makes it 122 bytes, allowed are 100"):
        unpack(packed(tmp_path, *[again] * 9), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_as_large_as_memory_is_not_read(tmp_path, kind):
    header = member("long", kind)
    header.size = 100 << 20
    path = tmp_path / "model.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(100):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(Refused, match="no readable tar.gz archive: a header of 104857600 bytes"):
        unpack(path, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 << 20


@pytest.mark.parametrize("content", [random.Random(1).randbytes(500_000), b"".join(b"%d," % n for n in range(300_000))])
def test_a_damaged_archive_is_named(tmp_path, content):
    model = member("model.onnx")
    model.size = len(content)
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(model, io.BytesIO(content))
    packed_bytes = bytearray(path.read_bytes())
    packed_bytes[250_000:250_200] = bytes(200)
    path.write_bytes(packed_bytes)
    with pytest.raises(Refused, match="no readable tar.gz archive"):
        unpack(path, tmp_path)


def test_other_plain_files_and_folders_are_left_in_the_archive(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    unpack(packed(tmp_path, member(".", tarfile.DIRTYPE), member("./model.json"), member("notes.txt"), member("sub/model.onnx")), folder)
    assert {path.name for path in folder.iterdir()} == {"schema.json", "model.json"}


def test_an_archive_that_is_none_is_named(job: Job, in_process):
    job.write("processing/input/model/model.tar.gz", "not an archive")
    assert in_process(job, "evaluate") == 1
    assert "model.tar.gz is no readable tar.gz archive" in (job.base / "output" / "failure").read_text()


def test_a_cut_archive_is_named(tmp_path):
    path = packed(tmp_path, member("model.json"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Refused, match="no readable tar.gz archive|holds no schema.json"):
        unpack(path, tmp_path)
