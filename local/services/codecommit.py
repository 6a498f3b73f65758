"""CodeCommit: real git repositories, by API and over HTTP; every change of a branch is an event."""

import shutil
import uuid
from typing import Any

from local.git import FILE_MODES, MODES, Edit, Entry, GitError, Repository, edits_of_zip
from local.git_http import GitHttp
from local.machine import Machine
from local.service import Call, Service, ServiceError

TABLE = "codecommit"


def repository(machine: Machine, name: str) -> Repository:
    """Return the git repository of that name; ServiceError when there is none."""
    if name not in machine.store.table(TABLE):
        raise ServiceError("RepositoryDoesNotExistException", f"{name} does not exist")
    return Repository(machine.data / "codecommit" / f"{name}.git")


def seed(machine: Machine, name: str, branch: str, archive: bytes) -> str:
    """Make the first commit of a repository from a zip (CloudFormation's Code property); return its id."""
    commit = repository(machine, name).commit(branch, edits_of_zip(archive), "Initial commit by AWS CodeCommit")
    announce(machine, name)
    return commit


def archive(machine: Machine, name: str, commit_id: str) -> bytes:
    """Return the files of a commit as a zip: the source artifact of a pipeline."""
    return repository(machine, name).archive(commit_id)


def announce(machine: Machine, name: str, caller: str = "unknown") -> None:
    """Publish an event for each branch or tag that differs from what was last announced.

    What was announced is in the store, so that no change is lost or told twice, whoever made it and whatever broke.
    """
    table = machine.store.table(TABLE)
    if name not in table:
        return
    git = repository(machine, name)
    with table.edit(name) as document:
        before, after = document["references"], git.references()
        heads = [full.removeprefix("refs/heads/") for full in after if full.startswith("refs/heads/")]
        if heads and document.get("defaultBranch") not in heads:
            document["defaultBranch"] = heads[0]
            git.run("symbolic-ref", "HEAD", f"refs/heads/{heads[0]}")
        document["references"] = after
        document["lastModifiedDate"] = machine.clock.now()
    for full in sorted(before.keys() | after.keys()):
        if before.get(full) != after.get(full):
            machine.emit("aws.codecommit", "CodeCommit Repository State Change",
                         _change(document, full, before.get(full), after.get(full)) | {"callerUserArn": caller},
                         [document["Arn"]])


def _change(document: dict[str, Any], full: str, old: str | None, new: str | None) -> dict[str, Any]:
    """Return the detail of the event of one reference."""
    event = "referenceUpdated" if old and new else "referenceCreated" if new else "referenceDeleted"
    detail = {"event": event, "repositoryName": document["repositoryName"], "repositoryId": document["repositoryId"],
              "referenceType": "branch" if full.startswith("refs/heads/") else "tag", "referenceFullName": full,
              "referenceName": full.split("/", 2)[2], "commitId": new or old}
    return detail | ({"oldCommitId": old} if old and new else {})


class CodeCommit(Service):
    """Repositories, branches, commits and files."""

    service_name = "codecommit"
    resources = dict.fromkeys(
        ("Repository", "RepositoryDescription", "RepositoryName", "Branch", "Branches", "DefaultBranch", "Commit",
         "File", "Folder"), "{repositoryName}") | dict.fromkeys(
        ("TagResource", "UntagResource", "TagsForResource"), "=resourceArn")
    tag_action = "TagResource"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._table = machine.store.table(TABLE)
        self.git = GitHttp(machine, announce)

    def setup(self) -> None:
        """Announce the pushes that a killed machine took and did not announce."""
        for name in self._table:
            announce(self.machine, name)

    # Repositories

    def create_repository(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = request["repositoryName"]
        if name in self._table:
            raise ServiceError("RepositoryNameExistsException", f"Repository named {name} already exists")
        path = self.machine.data / "codecommit" / f"{name}.git"
        shutil.rmtree(path, ignore_errors=True)  # what a kill between the next two statements left
        Repository(path).create()
        now = self.machine.clock.now()
        self._table[name] = {
            "repositoryId": str(uuid.uuid4()), "repositoryName": name, "Arn": self.machine.arn("codecommit", name),
            "repositoryDescription": request.get("repositoryDescription"), "kmsKeyId": request.get("kmsKeyId"),
            "creationDate": now, "lastModifiedDate": now, "tags": request.get("tags", {}), "references": {}}
        return self.get_repository(request, call)

    def get_repository(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = request["repositoryName"]
        repository(self.machine, name)
        return {"repositoryMetadata": self._table[name] | {
            "accountId": self.machine.account_id,
            "cloneUrlHttp": f"{self.machine.endpoint_url}/v1/repos/{name}",
            "cloneUrlSsh": f"ssh://127.0.0.1/v1/repos/{name}"}}

    def batch_get_repositories(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        names = request["repositoryNames"]
        found = [self.get_repository({"repositoryName": name}, call)["repositoryMetadata"]
                 for name in names if name in self._table]
        return {"repositories": found, "repositoriesNotFound": [name for name in names if name not in self._table]}

    def list_repositories(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"repositories": list(self._table.values())}

    def delete_repository(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        document = self._table.pop(request["repositoryName"], None)
        shutil.rmtree(self.machine.data / "codecommit" / f"{request['repositoryName']}.git", ignore_errors=True)
        return {"repositoryId": document["repositoryId"]} if document else {}

    def update_repository_description(self, request: dict[str, Any], call: Call) -> None:
        self._edit(request["repositoryName"], {"repositoryDescription": request.get("repositoryDescription")})

    def update_default_branch(self, request: dict[str, Any], call: Call) -> None:
        self._commit(request["repositoryName"], request["defaultBranchName"], branch=True)
        repository(self.machine, request["repositoryName"]).run(
            "symbolic-ref", "HEAD", f"refs/heads/{request['defaultBranchName']}")
        self._edit(request["repositoryName"], {"defaultBranch": request["defaultBranchName"]})

    def _edit(self, name: str, changes: dict[str, Any]) -> None:
        repository(self.machine, name)
        with self._table.edit(name) as document:
            document.update(changes, lastModifiedDate=self.machine.clock.now())

    # Tags

    def _tagged(self, request: dict[str, Any]) -> str:
        name: str = request["resourceArn"].rpartition(":")[2]
        repository(self.machine, name)
        return name

    def tag_resource(self, request: dict[str, Any], call: Call) -> None:
        name = self._tagged(request)
        self._edit(name, {"tags": self._table[name]["tags"] | request["tags"]})

    def untag_resource(self, request: dict[str, Any], call: Call) -> None:
        name = self._tagged(request)
        kept = {key: value for key, value in self._table[name]["tags"].items() if key not in request["tagKeys"]}
        self._edit(name, {"tags": kept})

    def list_tags_for_resource(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"tags": self._table[self._tagged(request)]["tags"]}

    # Branches and commits

    def _commit(self, name: str, specifier: str, branch: bool = False) -> str:
        """Return the commit that ``specifier`` names, which must be a branch's name where ``branch`` is said."""
        git = repository(self.machine, name)
        commit = git.references().get(f"refs/heads/{specifier}") if branch else git.commit_id(specifier)
        if commit is None:
            kind = "Branch" if branch else "Commit"
            raise ServiceError(f"{kind}DoesNotExistException", f"{kind} {specifier} does not exist in {name}")
        return commit

    def create_branch(self, request: dict[str, Any], call: Call) -> None:
        name, branch = request["repositoryName"], request["branchName"]
        commit = self._commit(name, request["commitId"])
        git = repository(self.machine, name)
        if f"refs/heads/{branch}" in git.references():
            raise ServiceError("BranchNameExistsException", f"Branch {branch} already exists in {name}")
        try:
            git.run("branch", "--", branch, commit)
        except GitError as error:
            raise ServiceError("InvalidBranchNameException", str(error)) from None
        announce(self.machine, name, call.principal)

    def get_branch(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        branch = request["branchName"]
        commit = self._commit(request["repositoryName"], branch, branch=True)
        return {"branch": {"branchName": branch, "commitId": commit}}

    def list_branches(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        references = repository(self.machine, request["repositoryName"]).references()
        return {"branches": [full.removeprefix("refs/heads/") for full in references if full.startswith("refs/heads/")]}

    def delete_branch(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name, branch = request["repositoryName"], request["branchName"]
        git = repository(self.machine, name)
        if branch == self._table[name].get("defaultBranch"):
            raise ServiceError("DefaultBranchCannotBeDeletedException", f"{branch} is the default branch of {name}")
        commit = git.references().get(f"refs/heads/{branch}")
        if commit is None:
            return {}
        git.run("update-ref", "-d", f"refs/heads/{branch}")
        announce(self.machine, name, call.principal)
        return {"deletedBranch": {"branchName": branch, "commitId": commit}}

    def get_commit(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name, wanted = request["repositoryName"], request["commitId"]
        git = repository(self.machine, name)
        if git.commit_id(wanted) != wanted:
            raise ServiceError("CommitIdDoesNotExistException", f"Commit {wanted} does not exist in {name}")
        form = "%T%x00%P%x00%B%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct"
        tree, parents, message, *people = git.run(
            "show", "--no-patch", f"--format={form}", wanted).decode(errors="replace").rstrip("\n").split("\0")
        author, committer = ({"name": name, "email": email, "date": f"{date} +0000"}
                             for name, email, date in (people[:3], people[3:]))
        return {"commit": {"commitId": wanted, "treeId": tree, "parents": parents.split(), "message": message,
                           "author": author, "committer": committer, "additionalData": ""}}

    # Files

    def _specified(self, request: dict[str, Any]) -> str:
        name = request["repositoryName"]
        repository(self.machine, name)
        return self._commit(name, request.get("commitSpecifier") or self._table[name].get("defaultBranch") or "HEAD")

    def get_file(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        git, commit = repository(self.machine, request["repositoryName"]), self._specified(request)
        path = request["filePath"].strip("/")
        found = [entry for entry in git.entries(commit, path) if entry.kind == "blob" and entry.path == path]
        if not found:
            raise ServiceError("FileDoesNotExistException",
                               f"Could not find the file {path} in commit {commit} of {request['repositoryName']}")
        content = git.run("cat-file", "blob", found[0].id)
        return {"commitId": commit, "blobId": found[0].id, "filePath": path, "fileSize": len(content),
                "fileMode": FILE_MODES[found[0].mode], "fileContent": content}

    def get_folder(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        git, commit = repository(self.machine, request["repositoryName"]), self._specified(request)
        path = request["folderPath"].strip("/")
        here = git.entries(commit, path)
        if path and not any(entry.kind == "tree" for entry in here):
            raise ServiceError("FolderDoesNotExistException", f"Could not find the folder {path} in commit {commit}")
        entries = git.entries(commit, f"{path}/" if path else "")
        blobs = [entry for entry in entries if entry.kind == "blob"]
        return {"commitId": commit, "folderPath": path, "treeId": here[0].id if path else None,
                "subFolders": [_placed(entry, "treeId") for entry in entries if entry.kind == "tree"],
                "files": [_placed(entry, "blobId") for entry in blobs if entry.mode != MODES["SYMLINK"]],
                "symbolicLinks": [_placed(entry, "blobId") for entry in blobs if entry.mode == MODES["SYMLINK"]],
                "subModules": [_placed(entry, "commitId") for entry in entries if entry.kind == "commit"]}

    def put_file(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        edit = Edit(request["filePath"].strip("/"), request["fileContent"], MODES[request.get("fileMode", "NORMAL")])
        answer = self._change(request, [edit], request.get("name", ""), call.principal)
        return answer | {"blobId": self._blob(request, answer["commitId"], edit.path).id}

    def create_commit(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        parent = request.get("parentCommitId", "")
        if any("sourceFile" in put for put in request.get("putFiles", [])):
            raise ServiceError("RestrictedSourceFileException", "putFiles.sourceFile is not available on this machine")
        puts = [Edit(put["filePath"].strip("/"), put.get("fileContent", b""), MODES[put.get("fileMode", "NORMAL")])
                for put in request.get("putFiles", [])]
        gone = [Edit(item["filePath"].strip("/"), None) for item in request.get("deleteFiles", [])]
        modes = [Edit(item["filePath"], self._blob(request, parent, item["filePath"]).id, MODES[item["fileMode"]])
                 for item in request.get("setFileModes", [])]
        if not puts + gone + modes:
            raise ServiceError("FileEntryRequiredException", "The commit changes no file")
        known = {edit.path for edit in puts if parent and self._find(request, parent, edit.path)}
        answer = self._change(request, [*puts, *gone, *modes], request.get("authorName", ""), call.principal)
        changed = [{"absolutePath": edit.path, "fileMode": FILE_MODES[edit.mode],
                    "blobId": self._blob(request, answer["commitId"], edit.path).id} for edit in puts]
        return answer | {"filesAdded": [item for item in changed if item["absolutePath"] not in known],
                         "filesUpdated": [item for item in changed if item["absolutePath"] in known],
                         "filesDeleted": [{"absolutePath": edit.path} for edit in gone]}

    def _change(self, request: dict[str, Any], edits: list[Edit], author: str, caller: str) -> dict[str, Any]:
        """Commit on a branch whose head the caller names."""
        name, branch, parent = request["repositoryName"], request["branchName"], request.get("parentCommitId")
        git = repository(self.machine, name)
        head = git.references().get(f"refs/heads/{branch}")
        if head and not parent:
            raise ServiceError("ParentCommitIdRequiredException",
                               f"Branch {branch} has commits: parentCommitId is required")
        if head != parent:
            raise ServiceError("ParentCommitIdOutdatedException", f"Branch {branch} is at {head}, not at {parent}")
        try:
            commit = git.commit(branch, edits, request.get("commitMessage", ""), author,
                                request.get("email", ""), parent)
        except GitError as error:
            raise ServiceError("InvalidPathException", str(error)) from None
        announce(self.machine, name, caller)
        return {"commitId": commit, "treeId": git.run("rev-parse", f"{commit}^{{tree}}").decode().strip()}

    def _find(self, request: dict[str, Any], commit: str, path: str) -> Entry | None:
        found = repository(self.machine, request["repositoryName"]).entries(commit, path) if commit else []
        return next((entry for entry in found if entry.kind == "blob"), None)

    def _blob(self, request: dict[str, Any], commit: str, path: str) -> Entry:
        if found := self._find(request, commit, path):
            return found
        raise ServiceError("FileDoesNotExistException", f"Could not find the file {path} in commit {commit}")


def _placed(entry: Entry, key: str) -> dict[str, Any]:
    """Return a tree's entry as GetFolder shows it."""
    return {key: entry.id, "absolutePath": entry.path, "relativePath": entry.path.rpartition("/")[2],
            "fileMode": FILE_MODES.get(entry.mode)}
