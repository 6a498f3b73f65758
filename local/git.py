"""A bare git repository, through git's own commands and none of the user's git settings."""

import os
import subprocess
import time
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}
FILE_MODES = {mode: name for name, mode in MODES.items()}


class GitError(Exception):
    """git refused; the message is git's own."""


@dataclass(frozen=True)
class Entry:
    """One entry of a tree: a file (with its size), a folder or a submodule."""

    path: str
    mode: str
    kind: str
    id: str


@dataclass(frozen=True)
class Edit:
    """One file of a commit: its new content (or the id of a blob), None to delete it."""

    path: str
    content: bytes | str | None
    mode: str = MODES["NORMAL"]

    def instruction(self) -> bytes:
        """Return the edit in git fast-import's language."""
        quoted = '"' + self.path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        if self.content is None:
            return f"D {quoted}\n".encode()
        if isinstance(self.content, str):
            return f"M {self.mode} {self.content} {quoted}\n".encode()
        return f"M {self.mode} inline {quoted}\n".encode() + _data(self.content)


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def environment() -> dict[str, str]:
    """Return what a git command sees: where programs are, and no settings of user or system."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


@dataclass(frozen=True)
class Repository:
    """One bare repository in a folder."""

    path: Path

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run one git command in the repository and return its output."""
        result = subprocess.run(["git", "-c", "safe.directory=*", *arguments], cwd=self.path, input=given,
                                capture_output=True, check=False, env=environment())
        if result.returncode:
            raise GitError(result.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
        return result.stdout

    def create(self) -> None:
        """Make it, empty, with the branch ``main`` as the one that a clone checks out."""
        self.path.mkdir(parents=True)
        self.run("init", "--quiet", "--bare", "--initial-branch=main")

    def references(self) -> dict[str, str]:
        """Return the full name of every branch and tag with its commit."""
        lines = self.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").decode()
        return {name: commit for name, _, commit in (line.rpartition(" ") for line in lines.splitlines())}

    def commit_id(self, specifier: str) -> str | None:
        """Return the commit that a branch, tag, HEAD or id means; None when there is none."""
        for name in (f"refs/heads/{specifier}", specifier):
            try:
                found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
                return found.decode().strip()
            except GitError:
                continue
        return None

    def entries(self, commit: str, path: str = "") -> list[Entry]:
        """Return what a folder of a commit holds; for a file's path, the file itself."""
        found = []
        for line in self.run("ls-tree", "-z", "--full-tree", commit, *(["--", path] if path else [])).split(b"\0"):
            if line:
                about, _, name = line.decode(errors="replace").partition("\t")
                mode, kind, identifier = about.split()
                found.append(Entry(name, mode, kind, identifier))
        return found

    def commit(self, branch: str, edits: list[Edit], message: str, author: str = "", email: str = "",
               parent: str | None = None) -> str:
        """Make a commit on ``branch`` and return its id; git refuses when the branch is not at ``parent``."""
        who = f"{_plain(author) or 'AWS CodeCommit'} <{_plain(email)}> {int(time.time())} +0000"
        lines = [f"commit refs/heads/{branch}\ncommitter {who}\n".encode(), _data(message.encode())]
        lines += [f"from {parent}\n".encode()] if parent else []
        self.run("fast-import", "--quiet", "--date-format=raw", given=b"".join(
            [*lines, *(edit.instruction() for edit in edits), b"\n"]))
        return self.run("rev-parse", f"refs/heads/{branch}").decode().strip()

    def archive(self, commit: str) -> bytes:
        """Return the files of a commit as a zip."""
        return self.run("archive", "--format=zip", commit)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter not in "<>\n\0")


def edits_of_zip(archive: bytes) -> list[Edit]:
    """Return the files of a zip as edits; executable ones stay executable."""
    with zipfile.ZipFile(BytesIO(archive)) as files:
        return [Edit(entry.filename, files.read(entry), MODES[
                    "EXECUTABLE" if entry.external_attr >> 16 & 0o100 else "NORMAL"])
                for entry in files.infolist() if not entry.is_dir() and ".git" not in Path(entry.filename).parts]
