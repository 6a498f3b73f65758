"""The variables of a build whose project's names are as long as they may be."""

from __future__ import annotations

from pathlib import Path

NAME = "mlprojects-churnmodel-p-abc123def456"  # 10 + 10 + 14 and two hyphens
ACCOUNT = "123456789012"
RUN = "0a1b2c3d-1111-4222-8333-444455556666"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


def variables(upload: Path) -> dict[str, str]:
    """Return the environment of a build whose data-source.zip is unpacked in a folder."""
    role = f"arn:aws:iam::{ACCOUNT}:role/{NAME}"
    registry = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
    return {
        "NAME_PREFIX": NAME, "PROJECT_NAME": "churn", "PROJECT_ID": "p-abc123def456", "BUCKET": f"{NAME}-{ACCOUNT}",
        "DATASET_BUCKET": "data-sets", "KMS_KEY_ARN": KEY, "WORKFLOW_ROLE_ARN": f"{role}-workflow", "JOB_ROLE_ARN": f"{role}-job",
        "ENDPOINT_ROLE_ARN": f"{role}-endpoint", "API_AUTHORIZATION": "AWS_IAM", "TOPIC_ARN": f"arn:aws:sns:us-east-1:{ACCOUNT}:{NAME}",
        "TIMEOUT_MINUTES": "45",
        "PIPELINE_EXECUTION_ID": RUN, "COMMIT_ID": "c0ffee", "DATA_VERSION": "v1", "CODEBUILD_SRC_DIR_DataSource": str(upload),
        "MODEL_REPOSITORY_URI": f"{registry}/{NAME}-model", "API_REPOSITORY_URI": f"{registry}/{NAME}-api",
        "MODEL_IMAGE_URI": f"{registry}/{NAME}-model@sha256:{'0' * 64}", "API_IMAGE_URI": f"{registry}/{NAME}-api@sha256:{'1' * 64}",
    }
