"""How each stack is started, and what keeps it from calling home."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.model import PYTHON, ROOT

OURS = "ours"
FRAMEWORKS = ("evidently", "whylogs", "nannyml")
SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
FORMATS = {"captures": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}', "csv": '{"csv": {"header": true}}'}


@dataclass(frozen=True)
class Look:
    """One look of one stack: the words that start it, the variables that it gets, and where its answers are."""

    words: list[str]
    variables: dict[str, str]
    answers: Path


def look(stack: str, kind: str, folder: Path, base: Path, baseline: Path) -> Look:
    """Return how a stack looks at the data of a kind in a folder."""
    if stack == OURS:
        variables = {"SAGEMAKER_BASE_DIR": str(base), "dataset_format": FORMATS[kind], "dataset_source": str(folder)}
        return Look([str(PYTHON), "-m", "container", "monitor"], variables, base)
    python = ROOT / "build" / "env" / f"bench-{stack}" / "bin" / "python"
    answers = folder / f"{stack}.json"
    return Look([str(python), "-m", f"benchmarks.monitor.{stack}", str(baseline), str(folder), kind, str(answers)], SILENT, answers)
