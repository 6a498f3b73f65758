"""What the demo does in a clone of the project's repository; the other side is a folder here."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import project_git
from narration import DemoError

CONFIG = "training:\n  estimator: HistGradientBoosting   # or another\n  hyperparameters: {}         # the estimator's own\n"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a configuration, of which CodeCommit tells the address."""
    work, bare = tmp_path / "work", tmp_path / "origin.git"
    (work / "model").mkdir(parents=True)
    (work / "model" / "config.yml").write_text(CONFIG)
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."],
                    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=first"],
                    ["clone", "--quiet", "--bare", ".", str(bare)]):
        subprocess.run(["git", *command], cwd=work, check=True)
    answer = {"repositoryMetadata": {"cloneUrlHttp": str(bare)}}
    monkeypatch.setattr(project_git.boto3, "client", lambda _: SimpleNamespace(get_repository=lambda repositoryName: answer))  # noqa: N803
    return bare


def log(repository: Path) -> str:
    """Return the subjects and authors of a repository's commits."""
    return subprocess.run(["git", "log", "--format=%an: %s"], cwd=repository, check=True, capture_output=True, text=True).stdout


def test_a_changed_hyperparameter_reaches_the_repository(origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clone = tmp_path / "demo" / "project"
    project_git.clone("p", clone)
    project_git.set_hyperparameters(clone, "max_leaf_nodes: 8")
    project_git.commit_and_push(clone, "Grow smaller trees")
    assert log(origin) == "Demo: Grow smaller trees\na: first\n"
    assert (clone / "model" / "config.yml").read_text() == CONFIG.replace("{}", "{max_leaf_nodes: 8}")
    assert "model/config.yml  +  hyperparameters: {max_leaf_nodes: 8}\n" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_left_alone(origin: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match="already exists"):
        project_git.clone("p", tmp_path / "project")
    assert (tmp_path / "project" / "thesis.txt").exists()


def test_a_configuration_that_has_hyperparameters_is_left_alone(origin: Path, tmp_path: Path) -> None:
    project_git.clone("p", tmp_path / "project")
    project_git.set_hyperparameters(tmp_path / "project", "max_leaf_nodes: 8")
    with pytest.raises(DemoError, match="has no line"):
        project_git.set_hyperparameters(tmp_path / "project", "max_leaf_nodes: 9")


def test_gits_words_are_the_reason(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"repositoryMetadata": {"cloneUrlHttp": str(tmp_path / "nowhere")}}
    monkeypatch.setattr(project_git.boto3, "client", lambda _: SimpleNamespace(get_repository=lambda repositoryName: answer))  # noqa: N803
    with pytest.raises(DemoError, match="git clone .* failed: .*nowhere.* does not exist"):
        project_git.clone("p", tmp_path / "project")
