"""What checkov finds and is right all the same: (check, resource), as patterns, with the reason."""

from __future__ import annotations

ACCEPTED = {
    ("CKV_AWS_18", "ArtifactBucket"): "a log of its own accesses would need a second bucket; CloudTrail's data events are the account's to switch on",
    ("CKV_AWS_73", "Api"): "one function behind one method: its metrics and access log say where the time goes, without tracing's price",
    ("CKV_AWS_111", "ApiLogsRole"): "API Gateway asks for all of the account's log groups in its one role",
    ("CKV_AWS_111", "PruneRole"): "Lambda checks the rights to its network interfaces without naming a resource",
    ("CKV_AWS_115", "*"): "a reserved concurrency is taken from the account's pool; throttling at the API's stage bounds the calls",
    ("CKV_AWS_116", "*"): "functions answer their caller, which retries and reports; none is called by an event",
    ("CKV_AWS_117", "*"): "in the network are those that mount the file system; the others call AWS only, with their roles",
    ("CKV_AWS_120", "Api"): "each POST carries other data, so there is no answer to keep",
    ("CKV_AWS_158", "AccountLogs"): "the organization's stack has no key; the log says which setting of the account was made",
}
