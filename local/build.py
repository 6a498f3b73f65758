"""One running build: its phases, run for real with the rights of the project's service role."""

import hashlib
import json
import logging
import platform
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.authorization import authorize
from local.build_log import BuildLog
from local.buildspec import PHASES, Buildspec, BuildspecError, Phase, parse
from local.git import Repository
from local.machine import AccessDeniedError, Machine
from local.processes import Child
from local.store import Table
from local.workspace import Workspace, collect, pack, unpack

logger = logging.getLogger("local")
PRINCIPAL = "codebuild.amazonaws.com"
LOOK_EVERY_SECONDS = 0.2
WORDS = 600  # of a failed command's own
GOES_ON = ("BUILD", "POST_BUILD")  # the phases whose failure does not keep the next one from running


class PhaseError(Exception):
    """A phase ended badly; ``code`` and the message are its context."""

    def __init__(self, code: str, message: str, status: str = "FAILED") -> None:
        super().__init__(message)
        self.code, self.status = code, status


class Build:
    """Runs one build, whose record is in ``table``, from its first phase to its last."""

    def __init__(self, machine: Machine, table: Table, build_id: str) -> None:
        self.machine, self._table, self.id = machine, table, build_id
        self._project = table[build_id]["effective"]  # the project's settings under those of StartBuild
        self.uuid = build_id.rpartition(":")[2]
        self.folder = machine.data / "codebuild" / self.uuid
        self._place, self._log_file = Workspace(machine, self.folder), self.folder / "log"
        self._log: BuildLog | None = None
        self._stop, self._lingering, self._status = threading.Event(), list[Child](), "SUCCEEDED"
        self._deadline = time.monotonic() + self._project["timeoutInMinutes"] * 60
        self.thread = threading.Thread(target=self.run, name=build_id, daemon=True)

    def stop(self) -> None:
        """Have the build end as STOPPED."""
        self._stop.set()

    def run(self) -> None:
        """Run the phases; what the machine's stop interrupts is settled at its next start."""
        plan: list[tuple[str, Callable[[], None]]] = [
            ("SUBMITTED", lambda: None), ("QUEUED", lambda: None), ("PROVISIONING", self._provision),
            ("DOWNLOAD_SOURCE", self._download)]
        plan += [(name.upper(), partial(self._run_phase, name)) for name in PHASES]
        for name, work in [*plan, ("UPLOAD_ARTIFACTS", self._upload)]:
            if not self._step(name, work) and not self._goes_on(name):
                break
        self._step("FINALIZING", self._finalize)
        if not self.machine.stopping.is_set():
            self._end()
        self._place.remove()

    # Phases

    def _step(self, name: str, work: Callable[[], None]) -> bool:
        """Run one phase and record it; return whether it succeeded."""
        if self.machine.stopping.is_set():
            return False
        started = time.time()
        with self._table.edit(self.id) as build:
            build["currentPhase"] = name
            build["phases"].append({"phaseType": name, "startTime": started})
        self._say(f"Entering phase {name}")
        status, code, message = self._outcome(work)
        if status != "SUCCEEDED" and self._status == "SUCCEEDED":
            self._status = status
        self._say(f"Phase complete: {name} State: {status}")
        self._say(f"Phase context status code: {code} Message: {message}")
        now = time.time()
        if not self.machine.stopping.is_set():
            with self._table.edit(self.id) as build:
                build["phases"][-1] |= {"phaseStatus": status, "endTime": now, "durationInSeconds": int(now - started),
                                        "contexts": [{"statusCode": code, "message": message}]}
        return status == "SUCCEEDED"

    def _outcome(self, work: Callable[[], None]) -> tuple[str, str, str]:
        """Do a phase's work; return its status, context code and message."""
        try:
            work()
        except PhaseError as error:
            return error.status, error.code, str(error)
        except BuildspecError as error:
            return "FAILED", "YAML_FILE_ERROR", str(error)
        except (ClientError, AccessDeniedError) as error:
            denied = isinstance(error, AccessDeniedError) or "AccessDenied" in str(error)
            return "FAILED", "ACCESS_DENIED" if denied else "CLIENT_ERROR", f"{self._project['serviceRole']}: {error}"
        except Exception as error:
            if not self.machine.stopping.is_set():
                logger.exception("build %s", self.id)
            return "FAULT", "INTERNAL_SERVICE_ERROR", f"{type(error).__name__}: {error}"
        return "SUCCEEDED", "", ""

    def _goes_on(self, name: str) -> bool:
        if self._status in ("STOPPED", "TIMED_OUT"):
            return False
        choice = self._phase(name.lower()).on_failure if name.lower() in PHASES else ""
        return choice == "CONTINUE" or (choice != "ABORT" and name in GOES_ON)

    def _phase(self, name: str) -> Phase:
        return self._spec.phases.get(name, Phase())

    def _say(self, text: str) -> None:
        if self._log:
            self._log.say(text)

    def _client(self, service: str) -> BaseClient:
        return self.machine.client(service, self._credentials)

    def _provision(self) -> None:
        """Take the service role, open the log, make the place."""
        project = self._project
        self._credentials = self.machine.session(project["serviceRole"], PRINCIPAL, f"AWSCodeBuild-{self.uuid}")
        self.folder.mkdir(parents=True, exist_ok=True)
        logs = self._table[self.id]["logs"]
        if logs.get("groupName"):
            log = BuildLog(self._client("logs"), self._log_file, logs["groupName"], logs["streamName"])
            log.open()
            self._log = log
        self._place.prepare(project["environment"].get("privilegedMode", False))

    # Sources

    def _download(self) -> None:
        """Fetch the sources, read the buildspec, settle the variables."""
        project, versions = self._project, self._project.get("secondarySourceVersions", [])
        resolved = self._fetch(project["source"], project.get("sourceVersion"), self._place.source())
        secondary = {each["sourceIdentifier"]: each["sourceVersion"] for each in versions}
        for source in project.get("secondarySources", []):
            name = source["sourceIdentifier"]
            self._fetch(source, secondary.get(name), self._place.source(name))
        self._spec = self._read_buildspec(project["source"].get("buildspec") or "buildspec.yml")
        self._variables = self._settle_variables(resolved)
        resolved = self._variables["CODEBUILD_RESOLVED_SOURCE_VERSION"]
        with self._table.edit(self.id) as build:
            build["resolvedSourceVersion"] = resolved or None
        if self._project.get("cache", {}).get("type", "NO_CACHE") != "NO_CACHE":
            self._place.link_cache(self._spec.cached, self.machine.cache / "codebuild" / project["name"])
        for name in self._spec.reports:
            self._say(f"Report group {name} is not imitated on this machine: no report is made")
        for name, version in self._spec.runtimes.items():
            self._say(f"Runtime {name} {version} is asked for; this machine's is {platform.python_version()}")

    def _fetch(self, source: dict[str, Any], version: str | None, folder: Path) -> str:
        """Put one source into its folder and return the version that it has."""
        folder.mkdir(exist_ok=True)
        location = source.get("location", "").removeprefix("arn:aws:s3:::")
        if source["type"] == "S3":
            bucket, _, key = location.partition("/")
            chosen = {"VersionId": version} if version else {}
            answer = self._client("s3").get_object(Bucket=bucket, Key=key, **chosen)
            unpack(answer["Body"].read(), folder)
            read: str = answer.get("VersionId", "")
            return read
        if source["type"] == "CODECOMMIT":
            name = location.rstrip("/").rpartition("/")[2]
            arn = self.machine.arn("codecommit", name)
            authorize(self.machine, self._credentials.access_key, "codecommit:GitPull", arn)
            origin = Repository(self.machine.data / "codecommit" / f"{name}.git")
            commit = origin.commit_id(version or "HEAD")
            if commit is None:
                raise PhaseError("CLIENT_ERROR", f"{name} has no commit {version or 'HEAD'}")
            origin.run("clone", "--quiet", ".", str(folder))
            Repository(folder).run("checkout", "--quiet", commit)
            return commit
        return ""

    def _read_buildspec(self, where: str) -> Buildspec:
        if "\n" in where or where.lstrip().startswith(("version", "{")):
            return parse(where)
        file = self._place.source() / where
        if not file.is_file():
            raise PhaseError("YAML_FILE_ERROR", f"YAML file does not exist: {where}")
        return parse(file.read_text())

    # Variables

    def _settle_variables(self, resolved: str) -> dict[str, str]:
        """Return every variable of the build; StartBuild's win over the project's, those over the buildspec's."""
        build, spec = self._table[self.id], self._spec
        given = [{"name": name, "value": value, "type": kind} for kind, values in (
            ("PLAINTEXT", spec.variables), ("PARAMETER_STORE", spec.parameters), ("SECRETS_MANAGER", spec.secrets))
            for name, value in values.items()] + self._project["environment"].get("environmentVariables", [])
        folders = {f"CODEBUILD_SRC_DIR_{name}": str(self._place.source(name)) for name in (
            source["sourceIdentifier"] for source in self._project.get("secondarySources", []))}
        return self._place.variables(self._credentials) | folders | {
            "CODEBUILD_BUILD_ID": self.id, "CODEBUILD_BUILD_ARN": build["arn"], "CODEBUILD_CI": "true", "CI": "true",
            "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]), "CODEBUILD_INITIATOR": build["initiator"],
            "CODEBUILD_BUILD_IMAGE": self._project["environment"]["image"], "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": resolved, "CODEBUILD_SOURCE_VERSION": build.get("sourceVersion") or "",
            "CODEBUILD_START_TIME": str(int(build["startTime"] * 1000)),
            "CODEBUILD_KMS_KEY_ID": self._project.get("encryptionKey") or "",
            "CODEBUILD_LOG_PATH": self.uuid, "CODEBUILD_PROJECT_ARN": self._project["arn"],
        } | {each["name"]: self._value(each) for each in given}

    def _value(self, variable: dict[str, Any]) -> str:
        """Return a variable's value, read with the service role where it is kept elsewhere."""
        kind: str = variable.get("type", "PLAINTEXT")
        value: str = variable["value"]
        if kind == "PARAMETER_STORE":
            kept: str = self._client("ssm").get_parameter(Name=value, WithDecryption=True)["Parameter"]["Value"]
            return kept
        if kind == "SECRETS_MANAGER":
            parts = value.split(":")
            name, key = (":".join(parts[:7]), parts[7:8]) if value.startswith("arn:") else (parts[0], parts[1:2])
            secret = self._client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
            member: str = json.loads(secret)[key[0]] if key and key[0] else secret
            return member
        return value

    # Commands

    def _run_phase(self, name: str) -> None:
        """Run a phase's commands up to the first that fails, and always those under finally."""
        phase = self._phase(name)
        try:
            self._check_wanted()
            for command in phase.commands:
                self._run_command(command)
        finally:
            if self._status not in ("STOPPED", "TIMED_OUT"):
                for command in phase.always:
                    self._run_command(command)

    def _run_command(self, command: str) -> None:
        self._say(f"Running command {command}")
        succeeding = self._status == "SUCCEEDED"
        child = self.machine.processes.start(
            self._place.arguments(command, succeeding, self._spec.one_shell), env=self._variables,
            cwd=self._place.source(), log=self._log_file, name=f"build {self.id}")
        self._lingering.append(child)
        code = self._wait(child)
        if code:
            self._say(f"Command did not exit successfully {command} exit status {code}")
            raise PhaseError("COMMAND_EXECUTION_ERROR",
                             f"Error while executing command: {command}. Reason: exit status {code}{self._last_words()}")

    def _last_words(self) -> str:
        """Return what a failed command wrote last; AWS's message ends before it, its log is a click away."""
        said = self._log_file.read_text(errors="replace").rpartition("\n[Container] ")[0] if self._log else ""
        _, _, said = said.rpartition("[Container] ")[2].partition("\n")
        return f". It said: {said[-WORDS:]}" if said else ""

    def _wait(self, child: Child) -> int:
        """Wait for a command; end it when the build is stopped or out of time."""
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(LOOK_EVERY_SECONDS)
            if self._log:
                self._log.ship()
            try:
                self._check_wanted()
            except PhaseError:
                child.stop()
                raise

    def _check_wanted(self) -> None:
        """Raise PhaseError when the build has been stopped or is out of time."""
        if time.monotonic() > self._deadline:
            self._status = "TIMED_OUT"
            minutes = self._project["timeoutInMinutes"]
            raise PhaseError("BUILD_TIMED_OUT", f"Build has timed out after {minutes} minutes.", self._status)
        if self._stop.is_set() or self.machine.stopping.is_set():
            self._status = "STOPPED"
            raise PhaseError("", "Build was stopped.", self._status)

    # Artifacts

    def _upload(self) -> None:
        """Put the artifacts where the project wants them."""
        build: dict[str, Any] = {"secondaryArtifacts": []}
        for settings in self._project.get("secondaryArtifacts", []):
            build["secondaryArtifacts"].append(self._upload_one(settings["artifactIdentifier"], settings))
        build["artifacts"] = self._upload_one("", self._project["artifacts"])
        with self._table.edit(self.id) as record:
            record.update(build)

    def _upload_one(self, identifier: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Upload one artifact and return its place and sums."""
        if settings["type"] == "NO_ARTIFACTS":
            return {"location": ""}
        files = self._spec.artifacts.get(identifier)
        if files is None:
            raise PhaseError("CLIENT_ERROR", f"the buildspec has no artifacts {identifier or '(files)'}")
        try:
            found = collect(files, self._place.source())
        except FileNotFoundError as error:
            raise PhaseError("CLIENT_ERROR", str(error)) from None
        key = self._key(settings, files.name)
        self._say(f"Uploading {len(found)} files to s3://{settings['location']}/{key}")
        content = pack(found) if settings.get("packaging") == "ZIP" else None
        bodies = {key: content} if content else {f"{key}/{name}": path.read_bytes() for name, path in found.items()}
        for place, body in bodies.items():
            self._client("s3").put_object(
                Bucket=settings["location"], Key=place, Body=body, **self._encryption(settings))
        return {"location": f"arn:aws:s3:::{settings['location']}/{key}", "artifactIdentifier": identifier or None,
                "sha256sum": hashlib.sha256(content).hexdigest() if content else None}

    def _key(self, settings: dict[str, Any], given: str) -> str:
        """Return the object key of an artifact; the buildspec's name counts where the project lets it."""
        own = settings.get("name") or self._project["name"]
        name = given if given and settings.get("overrideArtifactName") else own
        unique = self.uuid if settings.get("namespaceType") == "BUILD_ID" else ""
        return "/".join(part.strip("/") for part in (settings.get("path", ""), unique, name) if part.strip("/"))

    def _encryption(self, settings: dict[str, Any]) -> dict[str, Any]:
        key = self._project.get("encryptionKey")
        if settings.get("encryptionDisabled") or not key:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}

    # The end

    def _finalize(self) -> None:
        """Export what the buildspec exports and end what its commands left running."""
        for child in self._lingering:
            child.stop(grace_seconds=0)
        spec = getattr(self, "_spec", None)
        values = self._place.exported()
        with self._table.edit(self.id) as build:
            build["exportedEnvironmentVariables"] = [
                {"name": name, "value": values.get(name, "")} for name in (spec.exported if spec else [])]

    def _end(self) -> None:
        """Say COMPLETED with the build's status; the log is whole by then."""
        if self._log:
            self._log.ship(everything=True)
        now = time.time()
        with self._table.edit(self.id) as build:
            status = "FAILED" if self._status == "FAULT" else self._status
            build["phases"].append({"phaseType": "COMPLETED", "startTime": now})
            build.update(currentPhase="COMPLETED", buildStatus=status, buildComplete=True, endTime=now)
        emit_state(self.machine, build)


def emit_state(machine: Machine, build: dict[str, Any]) -> None:
    """Publish a build's state."""
    phases = [{"phase-type": phase["phaseType"], "phase-status": phase.get("phaseStatus"),
               "phase-context": [f"{each['statusCode']}: {each['message']}" for each in phase.get("contexts", [])]}
              for phase in build["phases"]]
    machine.emit("aws.codebuild", "CodeBuild Build State Change", {
        "build-status": build["buildStatus"], "project-name": build["projectName"], "build-id": build["arn"],
        "current-phase": build["currentPhase"], "version": "1", "additional-information": {
            "build-number": build["buildNumber"], "build-complete": build["buildComplete"], "phases": phases,
            "initiator": build["initiator"], "logs": {"group-name": build["logs"].get("groupName"),
                                                      "stream-name": build["logs"].get("streamName")}}},
        [build["arn"]])
