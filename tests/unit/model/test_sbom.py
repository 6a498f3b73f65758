"""What a run says its images are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from model import sbom

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("target, folder, named", [("model", "container", "scikit-learn"), ("api", "api", "boto3")])
def test_every_line_of_the_images_requirements_is_a_component(target: str, folder: str, named: str) -> None:
    lines = [line.strip() for line in (ROOT / folder / "requirements.txt").read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    found = sbom.document(target, "123.dkr.ecr.us-east-1.amazonaws.com/x@sha256:ab")["components"]
    assert [f"{item['name']}=={item['version']}" for item in found if item["type"] == "library"] == lines
    assert named in {item["name"] for item in found}
    assert len({item["bom-ref"] for item in found}) == len(found)


def test_the_document_names_the_image_by_digest_and_what_it_stands_on() -> None:
    found = sbom.document("api", "123.dkr.ecr.us-east-1.amazonaws.com/x@sha256:ab")
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["version"] == "sha256:ab"
    assert f"FROM {found['components'][0]['name']}:{found['components'][0]['version']} AS base" in (ROOT / "container/Dockerfile").read_text()
