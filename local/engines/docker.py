"""What a build calls as ``docker``: a small front of this machine's engine.

It knows the commands and options in COMMANDS; whatever else is asked is refused by name with docker's exit code 125.
"""

import argparse
import json
import os
import re
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import boto3
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from local.engines import registry
from local.engines.dockerfile import Build, DockerfileError
from local.engines.environments import Environments, InstallationError
from local.engines.image import digest_of, pack
from local.engines.image_store import ImageStore, NoSuchImageError
from local.engines.registry import ImageError, Reference

NOT_UNDERSTOOD = 125
FIXED = {"platform": "linux/amd64", "provenance": "false", "sbom": "false"}
FIELD = re.compile(r"{{\s*(json\s+)?(?:index\s+)?(\.[\w.]*)(?:\s+(\d+))?\s*}}")


class NotUnderstoodError(Exception):
    """A command or option that this front does not have."""


class FailedError(Exception):
    """A command that docker would fail, in docker's words."""


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotUnderstoodError(message)


def _parser(command: str, *options: str) -> _Arguments:
    parser = _Arguments(prog=command, add_help=False, allow_abbrev=False)
    for option in options:
        parser.add_argument(*option.split("|"))
    return parser


def _folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _store() -> ImageStore:
    return ImageStore(_folder())


def _ecr(region: str) -> BaseClient:
    return boto3.client("ecr", region_name=region)


def _build_arguments(words: list[str]) -> argparse.Namespace:
    parser = _parser("build", "--platform", "--provenance", "--sbom", "--target", "--progress", "context")
    parser.add_argument("--file", "-f")
    parser.add_argument("--tag", "-t", action="append", default=[])
    for flag in ("--push", "--load", "--pull", "--no-cache", "--quiet"):
        parser.add_argument(flag, action="store_true")
    asked = parser.parse_args(words)
    for option, only in FIXED.items():
        given = getattr(asked, option)
        if given not in (None, only):
            raise NotUnderstoodError(f"--{option}={given} (only {only}: SageMaker and Lambda refuse others)")
    if not Path(asked.context).is_dir():
        raise FailedError(f'ERROR: unable to prepare context: path "{asked.context}" not found')
    return asked


def build(words: list[str], environments: Environments) -> None:
    """Build a target and keep it under its tags; with --push, push it too."""
    asked = _build_arguments(words)
    context = Path(asked.context)
    reading = Build(Path(asked.file) if asked.file else context / "Dockerfile", context)
    stage = reading.stage(asked.target)
    for note in dict.fromkeys(reading.notes):
        _say(note)
    for requirement in stage.requirements:
        _say(f"installing {requirement.file}")
    environments.python(stage.requirements)
    image = pack(stage)
    _store().save(image, asked.tag)
    _say(f"built {image.digest} with {len(stage.files)} files {' '.join(asked.tag)}")
    for tag in asked.tag if asked.push else []:
        push([tag], environments)


def login(words: list[str], environments: Environments) -> None:
    """Check a password against ECR's own and remember the registry."""
    parser = _parser("login", "host")
    parser.add_argument("--username", "-u", required=True)
    parser.add_argument("--password-stdin", action="store_true", required=True)
    asked = parser.parse_args(words)
    region = Reference.parse(f"{asked.host}/any").region
    given = sys.stdin.read().strip()
    if asked.username != "AWS" or given != registry.password(_ecr(region)):
        raise FailedError(f"Error response from daemon: login attempt to https://{asked.host}/v2/ failed with status:"
                          " 400 Bad Request")
    file = _folder() / "config.json"
    config = json.loads(file.read_text()) if file.exists() else {}
    config.setdefault("auths", {})[asked.host] = {"auth": b64encode(f"AWS:{given}".encode()).decode()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(config))
    print("Login Succeeded")


def push(words: list[str], environments: Environments) -> None:
    """Push a local image to ECR with the build's own credentials."""
    parser = _parser("push", "name")
    parser.add_argument("--quiet", "-q", action="store_true")
    name = parser.parse_args(words).name
    image, reference = _store().load(name), Reference.parse(name)
    file = _folder() / "config.json"
    if not file.exists() or reference.registry not in json.loads(file.read_text()).get("auths", {}):
        raise FailedError(f"no basic auth credentials: log in to {reference.registry} first")
    _say(f"The push refers to repository [{reference.registry}/{reference.repository}]")
    registry.push(_ecr(reference.region), reference, image)
    print(f"{reference.tag or 'latest'}: digest: {image.digest} size: {len(image.manifest)}")


def tag(words: list[str], environments: Environments) -> None:
    """Give a local image a further name."""
    asked = _parser("tag", "source", "name").parse_args(words)
    _store().save(_store().load(asked.source), [asked.name])


def inspect(words: list[str], environments: Environments) -> None:
    """Print what is known of local images, whole or by a format."""
    parser = _parser("image inspect", "--format|-f")
    parser.add_argument("names", nargs="+")
    asked = parser.parse_args(words)
    documents = [_document(name) for name in asked.names]
    if asked.format is None:
        print(json.dumps(documents, indent=4))
    for document in documents if asked.format is not None else []:
        print(_formatted(asked.format, document))


def version(words: list[str], environments: Environments) -> None:
    """Say what stands here for docker."""
    asked = _parser("version", "--format|-f").parse_args(words)
    document = {side: {"Version": "local", "Os": "linux", "Arch": "amd64"} for side in ("Client", "Server")}
    print(_formatted(asked.format, document) if asked.format
          else "Client: this machine's front of docker\nServer: this machine's process engine")


COMMANDS: dict[tuple[str, ...], Callable[[list[str], Environments], None]] = {
    ("build",): build, ("buildx", "build"): build, ("login",): login, ("push",): push, ("tag",): tag,
    ("image", "inspect"): inspect, ("version",): version}
FAILURES = (FailedError, DockerfileError, InstallationError, ImageError, BotoCoreError, OSError)


def main(environments: str, words: list[str] | None = None) -> int:
    """Carry out one command and return docker's exit code."""
    words = sys.argv[1:] if words is None else words
    name = next((name for name in COMMANDS if tuple(words[:len(name)]) == name), None)
    command = " ".join(name or words[:2] if words[:1] != [] else ["(no command)"])
    try:
        if name is None:
            raise NotUnderstoodError("")
        COMMANDS[name](words[len(name):], Environments(Path(environments)))
    except NotUnderstoodError as error:
        reason = f": {error}" if str(error) else f" (it knows {', '.join(map(' '.join, COMMANDS))})"
        _say(f"docker: '{command}' is not understood by this machine's front{reason}")
        return NOT_UNDERSTOOD
    except NoSuchImageError as error:
        return _failed(f"Error response from daemon: No such image: {error}")
    except ClientError as error:
        return _failed(f"{error.response['Error']['Code']}: denied or refused: {error.response['Error']['Message']}")
    except FAILURES as error:
        return _failed(str(error))
    return 0


def _document(name: str) -> dict[str, Any]:
    image = _store().load(name)
    tags = _store().tags(image)
    config = json.loads(image.config)
    return {"Id": digest_of(image.config), "RepoTags": tags, "Architecture": config["architecture"],
            "RepoDigests": sorted({f"{tag.rpartition(':')[0]}@{image.digest}" for tag in tags}),
            "Os": config["os"], "Config": config["config"], "RootFS": config["rootfs"]}


def _formatted(template: str, document: dict[str, Any]) -> str:
    """Fill a template; understood are {{.A.B}}, {{json .A}} and {{index .A 0}}."""
    def fill(field: re.Match[str]) -> str:
        value: object = document
        for key in filter(None, field[2].split(".")):
            if not isinstance(value, dict) or key not in value:
                raise FailedError(f"template: {field[0]}: no field {key}")
            value = value[key]
        if field[3] and isinstance(value, list):
            value = value[int(field[3])]
        return value if isinstance(value, str) and not field[1] else json.dumps(value)

    if "{{" in FIELD.sub("", template):
        raise NotUnderstoodError(f"--format {template}")
    return FIELD.sub(fill, template)


def _failed(reason: str) -> int:
    _say(reason)
    return 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
