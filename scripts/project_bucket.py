"""The project's bucket: what a person uploads to it, and what the runs leave there."""

import json

import boto3

DATA_KEY = "data-source.zip"


class ProjectBucket:
    """The bucket of the project whose names begin with ``name``."""

    def __init__(self, name: str) -> None:
        self._s3, self.name = boto3.client("s3"), f"{name}-{boto3.client('sts').get_caller_identity()['Account']}"

    def upload(self, archive: bytes) -> None:
        """Put new data in place of the former."""
        self._s3.put_object(Bucket=self.name, Key=DATA_KEY, Body=archive)

    def auc(self, run: str) -> float:
        """Return the area under the curve that a run's model reached on its test data."""
        found = json.loads(self.text(f"runs/{run}/evaluation/evaluation.json"))
        return float(found["binary_classification_metrics"]["auc"]["value"])

    def text(self, key: str) -> str:
        """Return an object's text."""
        content: bytes = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content.decode()
