"""A Dockerfile becomes an image whose digest follows its content and nothing else."""

import os
from pathlib import Path

import pytest

from local.engines.dockerfile import Build, DockerfileError
from local.engines.image import pack

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = """
FROM python:3.13-slim AS base
ENV HOME_FOLDER=/opt/program \\
    PATH=/opt/program/bin:$PATH
WORKDIR /opt
WORKDIR program
COPY requirements.txt .
RUN apt-get update && python -m pip install --no-cache-dir --requirement requirements.txt
FROM base AS model
LABEL kind=model
COPY container/ container/
ENTRYPOINT ["python", "-m", "container"]
CMD serve --all
FROM base AS api
COPY --from=model /opt/program/container/serve.py ${HOME_FOLDER}/api/
COPY ["container/*.txt", "texts/"]
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "container/deep").mkdir(parents=True)
    for name, text in {"Dockerfile": DOCKERFILE, "requirements.txt": "six==1.17.0\n",
                       "container/serve.py": "print(1)\n", "container/note.txt": "n",
                       "container/deep/more.py": ""}.items():
        (folder / name).write_text(text)
    return folder


def read(context: Path) -> Build:
    return Build(context / "Dockerfile", context)


def digest(context: Path, target: str = "model") -> str:
    return pack(read(context).stage(target)).digest


def write(context: Path, dockerfile: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)


def test_a_target_inherits_its_stage_and_copies_what_it_names(context: Path) -> None:
    model, api = read(context).stage("model"), read(context).stage("api")
    assert sorted(model.files) == ["/opt/program/container/deep/more.py", "/opt/program/container/note.txt",
                                   "/opt/program/container/serve.py", "/opt/program/requirements.txt"]
    assert sorted(api.files) == ["/opt/program/api/serve.py", "/opt/program/requirements.txt",
                                 "/opt/program/texts/note.txt"]
    assert model.env["HOME_FOLDER"] == model.workdir == "/opt/program"
    assert (model.entrypoint, model.cmd) == (["python", "-m", "container"], ["/bin/sh", "-c", "serve --all"])


def test_pip_lines_become_requirements_and_other_commands_are_named(context: Path) -> None:
    build = read(context)
    assert [(each.file, each.text) for each in build.stage("model").requirements] == [
        ("/opt/program/requirements.txt", "six==1.17.0\n")]
    assert "not run on this machine: RUN apt-get update" in build.notes


@pytest.mark.parametrize("command", [
    "pip install -r requirements.txt", "pip3 install -rrequirements.txt",
    "python3.13 -I -m pip install -r requirements.txt", "uv pip install --system -r requirements.txt",
    "PIP_NO_INPUT=1 pip --quiet install --requirement=requirements.txt",
    "--mount=type=cache,target=/cache pip install -U -r requirements.txt"])
def test_any_spelling_of_pip_install_is_understood(context: Path, command: str) -> None:
    write(context, f"FROM python\nCOPY requirements.txt /\nRUN {command}\n")
    assert [each.text for each in read(context).stage().requirements] == ["six==1.17.0\n"]


def test_included_requirements_are_part_of_the_requirements(context: Path) -> None:
    (context / "all.txt").write_text("-r requirements.txt\nidna\n")
    write(context, "FROM python\nCOPY *.txt /\nRUN pip install -r /all.txt && pip install wheel\n")
    assert [each.text for each in read(context).stage().requirements] == ["six==1.17.0\nidna\n", "wheel\n"]


def test_the_digest_ignores_times_order_labels_comments_and_unused_files(context: Path) -> None:
    before = digest(context)
    os.utime(context / "container/serve.py", (1, 1))
    (context / "container/serve.py").chmod(0o600)
    (context / "unused.txt").write_text("x")
    write(context, "# a comment\n" + DOCKERFILE.replace("kind=model", "kind=other").replace("apt-get update", "true"))
    assert digest(context) == before


@pytest.mark.parametrize(("old", "new"), [
    ("HOME_FOLDER=/opt/program", "HOME_FOLDER=/opt/other"), ('"-m", "container"', '"-m", "other"'),
    ("serve --all", "serve"), ("WORKDIR program", "WORKDIR code"), ("container/ container/", "container/ other/")])
def test_the_digest_follows_variables_and_commands(context: Path, old: str, new: str) -> None:
    before = digest(context)
    write(context, DOCKERFILE.replace(old, new))
    assert digest(context) != before


@pytest.mark.parametrize("change", [
    lambda folder: (folder / "container/serve.py").write_text("print(2)\n"),
    lambda folder: (folder / "container/serve.py").chmod(0o755),
    lambda folder: (folder / "container/new.py").write_text(""),
    lambda folder: (folder / "requirements.txt").write_text("six==1.16.0\n")])
def test_the_digest_follows_copied_files_and_requirements(context: Path, change) -> None:
    before = digest(context)
    change(context)
    assert digest(context) != before


def test_dockerignore_leaves_files_out_and_exceptions_bring_them_back(context: Path) -> None:
    (context / ".dockerignore").write_text("# all but the programs\n*\n!container\n**/deep\ncontainer/*.txt\n")
    write(context, "FROM scratch\nCOPY . /\n")
    assert list(read(context).stage().files) == ["/container/serve.py"]


@pytest.mark.parametrize(("line", "reason"), [
    ("ADD a b", "ADD is not understood"), ("ARG X=1", "ARG is not understood"), ("ONBUILD RUN x", "ONBUILD"),
    ("RUN <<EOF", "here-document"), ("COPY missing.txt .", '"missing.txt" not found'),
    ("COPY ../secret .", "outside the build context"), ("COPY --from=nginx:1 /a /b", "only stages of this file"),
    ("COPY --parents a b", "--parents is not understood"),
    ("COPY container/note.txt container/serve.py x", "end with /"),
    ("RUN pip install -r nothing.txt", "not in the image at this line"), ("RUN pip install .", "installing a folder"),
    ("RUN pip install --pre six", "--pre; not understood"), ("ENV A=${B:-c}", "is not understood"),
    ("COPY link .", "links to something")])
def test_what_cannot_be_honoured_is_refused_with_its_line(context: Path, line: str, reason: str) -> None:
    (context / "link").symlink_to("/etc/hostname")
    write(context, f"FROM scratch\n{line}\n")
    with pytest.raises(DockerfileError, match="Dockerfile:2: .*") as refusal:
        read(context).stage()
    assert reason in str(refusal.value)


def test_an_unknown_target_is_refused_with_the_known_ones(context: Path) -> None:
    with pytest.raises(DockerfileError, match='target stage "modle" could not be found; it has base, model, api'):
        read(context).stage("modle")


def test_a_new_entrypoint_drops_the_command_of_its_base(context: Path) -> None:
    write(context, 'FROM scratch AS a\nCMD ["x"]\nFROM a\nENTRYPOINT ["y"]\n')
    assert (read(context).stage().entrypoint, read(context).stage().cmd) == (["y"], [])


@pytest.mark.parametrize("target", ["model", "api"])
def test_the_repositorys_images_take_their_wheels_from_requirements_and_hold_only_what_runs(target: str) -> None:
    stage = Build(ROOT / "container" / "Dockerfile", ROOT).stage(target)
    folder = {"model": "container", "api": "api"}[target]
    assert [requirement.file for requirement in stage.requirements] == [f"/opt/program/{folder}/requirements.txt"]
    assert {path for path in stage.files if path.endswith((".sh", ".md", "Dockerfile")) or "/." in path} == set()
