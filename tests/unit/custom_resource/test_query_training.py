"""The function query_training."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RUN = "0a1b2c3d-1111-4222-8333-444455556666"


class MemoryS3:
    """S3 with one archive; it notes what is written in which order."""

    def __init__(self, archive: bytes) -> None:
        self.archive, self.written, self.extra = archive, dict[str, bytes](), list[str]()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.archive)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, SSEKMSKeyId: str, **_: Any) -> None:  # noqa: N803
        self.written[Key] = Body
        self.extra.append(SSEKMSKeyId)

    def copy(self, source: dict[str, str], bucket: str, key: str, ExtraArgs: dict[str, str]) -> None:  # noqa: N803
        self.put_object(bucket, key, self.archive, **ExtraArgs)


def archive(name: str = "schema.json", content: bytes = b'{"labels": ["no", "yes"], "run": null}') -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for member, data in (("model.onnx", b"weights"), (name, content)):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def handler(load: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.setenv("ARTIFACTS_PATH", str(tmp_path))
    return load("query_training")  # type: ignore[no-any-return]


def promote(handler: ModuleType, monkeypatch: pytest.MonkeyPatch, event: Any, content: bytes) -> MemoryS3:
    s3 = MemoryS3(content)
    monkeypatch.setattr(handler, "s3", lambda: s3)
    given = event("query_training")
    assert handler.handler(given, None) == {"ModelUri": given["ModelUri"], "InferenceUri": given["InferenceUri"]}
    return s3


@pytest.mark.parametrize("name", ["schema.json", "./schema.json"])
def test_the_schema_goes_to_file_system_and_s3_and_the_archive_last(
        handler: ModuleType, monkeypatch: pytest.MonkeyPatch, event: Any, tmp_path: Path, name: str) -> None:
    s3 = promote(handler, monkeypatch, event, archive(name))
    assert list(s3.written) == ["runs/x/inference/schema.json", "runs/x/model/model.tar.gz"]
    assert json.loads(s3.written["runs/x/inference/schema.json"]) == {"labels": ["no", "yes"], "run": RUN}
    assert (tmp_path / RUN / "schema.json").read_bytes() == s3.written["runs/x/inference/schema.json"]
    assert s3.extra == [event("query_training")["KmsKeyArn"]] * 2
    assert [path.name for path in (tmp_path / RUN).iterdir()] == ["schema.json"]


def test_without_a_file_system_s3_is_enough(handler: ModuleType, monkeypatch: pytest.MonkeyPatch, event: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("ARTIFACTS_PATH", "")
    promote(handler, monkeypatch, event, archive())
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_is_away_is_an_error_that_the_workflow_retries(
        handler: ModuleType, monkeypatch: pytest.MonkeyPatch, event: Any, tmp_path: Path) -> None:
    (tmp_path / RUN).write_text("in the way", encoding="utf-8")
    with pytest.raises(Exception, match="cannot be written") as error:
        promote(handler, monkeypatch, event, archive())
    assert type(error.value).__name__ == "ArtifactsUnavailable"


@pytest.mark.parametrize(("content", "message"), [
    (b"no archive", "model.tar.gz is no gzipped tar archive"),
    (archive("../schema.json"), "holds no schema.json"),
    (archive("other.json"), "holds no schema.json"),
    (archive(content=b"{"), "schema.json is not JSON"),
    (archive(content=b"[]"), "schema.json holds no JSON object"),
])
def test_an_archive_without_its_schema_is_not_promoted(
        handler: ModuleType, monkeypatch: pytest.MonkeyPatch, event: Any, content: bytes, message: str) -> None:
    with pytest.raises(Exception, match=message):
        promote(handler, monkeypatch, event, content)
