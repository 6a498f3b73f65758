"""CodeCommit by API and over git, with the rights of who calls."""

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

HELPER = ("-c", "credential.helper=!aws codecommit credential-helper --ignore-host-check $@",
          "-c", "credential.UseHttpPath=true")


@pytest.fixture
def repository(aws: Any) -> str:
    """A new repository with one commit on main."""
    name = f"repository-{uuid.uuid4().hex[:8]}"
    aws.client("codecommit").create_repository(repositoryName=name, tags={"owner": "test"})
    put(aws, name, "README.md", b"first\n")
    return name


def put(aws: Any, name: str, path: str, content: bytes, **more: Any) -> str:
    return aws.client("codecommit").put_file(
        repositoryName=name, branchName="main", filePath=path, fileContent=content, **more)["commitId"]


def git(aws: Any, *arguments: str, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run git as a user whose settings are only these."""
    alone = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    return subprocess.run(["git", *who, *arguments], cwd=folder, env=aws.environment | alone | variables,
                          capture_output=True, text=True, check=False)


def url(aws: Any, name: str) -> str:
    return aws.client("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]["cloneUrlHttp"]


def user(aws: Any, *actions: str) -> dict[str, str]:
    """Return the variables of a new IAM user who may do ``actions``."""
    iam, name = aws.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="git", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def test_a_repository_shows_what_it_was_created_with(aws: Any, repository: str) -> None:
    client = aws.client("codecommit")
    metadata = client.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert metadata["Arn"] == f"arn:aws:codecommit:us-east-1:000000000000:{repository}"
    assert metadata["defaultBranch"] == "main"
    assert metadata["cloneUrlHttp"] == f"{aws.endpoint_url}/v1/repos/{repository}"
    assert client.list_tags_for_resource(resourceArn=metadata["Arn"])["tags"] == {"owner": "test"}
    with pytest.raises(ClientError, match="RepositoryNameExistsException"):
        client.create_repository(repositoryName=repository)


def test_commits_by_api_are_read_back_as_files_and_folders(aws: Any, repository: str) -> None:
    client = aws.client("codecommit")
    head = client.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"]
    commit = client.create_commit(
        repositoryName=repository, branchName="main", parentCommitId=head, commitMessage="more", authorName="Ada",
        putFiles=[{"filePath": "src/run.sh", "fileMode": "EXECUTABLE", "fileContent": b"echo hi\n"}],
        deleteFiles=[{"filePath": "README.md"}])
    assert [item["absolutePath"] for item in commit["filesAdded"]] == ["src/run.sh"]
    found = client.get_file(repositoryName=repository, filePath="src/run.sh")
    assert (found["fileContent"], found["fileMode"]) == (b"echo hi\n", "EXECUTABLE")
    assert found["commitId"] == commit["commitId"]
    folder = client.get_folder(repositoryName=repository, folderPath="/")
    assert [item["absolutePath"] for item in folder["subFolders"]] == ["src"] and not folder["files"]
    shown = client.get_commit(repositoryName=repository, commitId=commit["commitId"])["commit"]
    assert (shown["message"].strip(), shown["parents"]) == ("more", [head])
    with pytest.raises(ClientError, match="FileDoesNotExistException"):
        client.get_file(repositoryName=repository, filePath="README.md")


def test_a_commit_on_an_outdated_parent_is_refused(aws: Any, repository: str) -> None:
    with pytest.raises(ClientError, match="ParentCommitIdRequiredException"):
        put(aws, repository, "a", b"a")
    with pytest.raises(ClientError, match="ParentCommitIdOutdatedException"):
        put(aws, repository, "a", b"a", parentCommitId="0" * 40)


def test_clone_and_push_with_the_credential_helper_emit_an_event(aws: Any, repository: str, tmp_path: Path) -> None:
    sqs, events = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName=f"{repository}-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.codecommit"], "detail": {"repositoryName": [repository], "referenceName": ["main"]}}
    events.put_rule(Name=f"{repository}-rule", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"{repository}-rule", Targets=[{"Id": "queue", "Arn": arn}])
    clone = tmp_path / "clone"
    cloned = git(aws, *HELPER, "clone", url(aws, repository), str(clone))
    assert cloned.returncode == 0, cloned.stderr
    before = git(aws, "rev-parse", "HEAD", folder=clone).stdout.strip()
    (clone / "large.bin").write_bytes(os.urandom(3_000_000))  # more than one buffer: git sends it in chunks
    git(aws, "add", ".", folder=clone)
    git(aws, "commit", "-m", "second", folder=clone)
    pushed = git(aws, *HELPER, "push", "origin", "main", folder=clone)
    assert pushed.returncode == 0, pushed.stderr
    after = git(aws, "rev-parse", "HEAD", folder=clone).stdout.strip()
    event = json.loads(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]["Body"])
    assert event["detail-type"] == "CodeCommit Repository State Change"
    assert {"event": "referenceUpdated", "referenceType": "branch", "referenceFullName": "refs/heads/main",
            "callerUserArn": "arn:aws:iam::000000000000:root",
            "commitId": after, "oldCommitId": before}.items() <= event["detail"].items()
    assert event["resources"] == [f"arn:aws:codecommit:us-east-1:000000000000:{repository}"]


def test_git_without_credentials_is_asked_for_them(aws: Any, repository: str, tmp_path: Path) -> None:
    outcome = git(aws, "clone", url(aws, repository), str(tmp_path / "clone"))
    assert outcome.returncode != 0 and "could not read Username" in outcome.stderr


def test_git_with_a_wrong_secret_is_refused(aws: Any, repository: str, tmp_path: Path) -> None:
    outcome = git(aws, *HELPER, "clone", url(aws, repository), str(tmp_path / "clone"), AWS_SECRET_ACCESS_KEY="wrong")
    assert "403" in outcome.stderr and "signature does not match" in outcome.stderr


def test_git_needs_the_right_to_pull_and_to_push(aws: Any, repository: str, tmp_path: Path) -> None:
    reader, address = user(aws, "codecommit:GitPull"), url(aws, repository)
    assert git(aws, *HELPER, "clone", address, str(tmp_path / "a"), **reader).returncode == 0
    refused = git(aws, *HELPER, "push", "origin", "main:other", folder=tmp_path / "a", **reader)
    assert "403" in refused.stderr and "codecommit:GitPush" in refused.stderr
    assert "codecommit:GitPull" in git(aws, *HELPER, "ls-remote", address, **user(aws)).stderr


def test_a_role_signs_with_its_session_token(aws: Any, repository: str, tmp_path: Path) -> None:
    iam, name = aws.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="git", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": "*"}]}))
    caller = user(aws, "sts:AssumeRole")
    sts = boto3.client("sts", endpoint_url=aws.endpoint_url, region_name="us-east-1",
                       aws_access_key_id=caller["AWS_ACCESS_KEY_ID"],
                       aws_secret_access_key=caller["AWS_SECRET_ACCESS_KEY"])
    session = sts.assume_role(RoleArn=arn, RoleSessionName="git")["Credentials"]
    outcome = git(aws, *HELPER, "ls-remote", url(aws, repository), AWS_ACCESS_KEY_ID=session["AccessKeyId"],
                  AWS_SECRET_ACCESS_KEY=session["SecretAccessKey"], AWS_SESSION_TOKEN=session["SessionToken"])
    assert outcome.returncode == 0 and "refs/heads/main" in outcome.stdout, outcome.stderr
