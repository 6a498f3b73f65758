"""Every private name of ministack that this machine reads or replaces, checked at start.

The version is pinned exactly; this list is what to look at when the pin moves.
"""

import importlib

from local.access_logs import SEAMS as ACCESS_LOG_SEAMS
from local.alarms import SEAMS as ALARM_SEAMS
from local.alias_shift import SEAMS as SHIFT_SEAMS
from local.api_metrics import SEAMS as API_SEAMS
from local.async_invocations import SEAMS as ASYNC_SEAMS
from local.calls import SEAMS as CALL_SEAMS
from local.dashboards import SEAMS as DASHBOARD_SEAMS
from local.durability import SEAMS as DURABILITY_SEAMS
from local.engines.layers import SEAMS as LAYER_SEAMS
from local.events import SEAMS as EVENT_SEAMS
from local.function_environments import SEAMS as ENVIRONMENT_SEAMS
from local.function_records import SEAMS as RECORD_SEAMS
from local.function_versions import SEAMS as VERSION_SEAMS
from local.functions import SEAMS as FUNCTION_SEAMS
from local.gateway_responses import SEAMS as RESPONSE_SEAMS
from local.interrupted_stacks import SEAMS as INTERRUPTION_SEAMS
from local.log_patterns import SEAMS as PATTERN_SEAMS
from local.log_store import SEAMS as LOG_SEAMS
from local.metrics import SEAMS as METRIC_SEAMS
from local.native_types import SEAMS as TYPE_SEAMS
from local.retention import SEAMS as RETENTION_SEAMS
from local.s3_events import SEAMS as S3_EVENT_SEAMS
from local.sam import SEAMS as SAM_SEAMS
from local.schedules import SEAMS as SCHEDULE_SEAMS
from local.unsigned import SEAMS as UNSIGNED_SEAMS
from local.workflow_history import SEAMS as HISTORY_SEAMS

SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.app", "SERVICE_HANDLERS"),
    ("ministack.app", "SERVICE_REGISTRY"),
    ("ministack.app", "pin_request_origin"),
    ("ministack.core.iam_actions", "SERVICE_TO_IAM_NAMESPACE"),
    ("ministack.core.iam_actions", "access_denied_response"),
    ("ministack.core.iam_actions", "extract_resource_arn"),
    ("ministack.core.iam_actions", "identity_denial_message"),
    ("ministack.core.iam_actions", "request_tag_context"),
    ("ministack.core.iam_evaluator", "EvalContext"),
    ("ministack.core.iam_evaluator", "_anonymous"),
    ("ministack.core.iam_evaluator", "_conditions_met"),
    ("ministack.core.iam_evaluator", "_service_principal_matches"),
    ("ministack.core.iam_evaluator", "resolve_credential"),
    ("ministack.core.iam_evaluator", "pin_request_origin"),
    ("ministack.core.responses", "request_scope"),
    ("ministack.core.router", "extract_access_key_id"),
    ("ministack.services.cloudformation", "_stacks"),
    ("ministack.services.cloudformation.provisioners", "_REPLACING_PROPERTIES"),
    ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS"),
    ("ministack.services.cloudformation.provisioners", "_STACK_TAG_PROPERTY"),
    ("ministack.services.cloudformation.provisioners", "_physical_name"),
    ("ministack.services.cloudformation.provisioners", "_replacing_change"),
    ("ministack.services.cloudformation.stacks", "_delete_resource"),
    ("ministack.services.cloudformation.stacks", "_provision_resource"),
    ("ministack.services.cloudformation.stacks", "_runs_on_worker_thread"),
    ("ministack.services.cloudformation.stacks", "_update_resource"),
    ("ministack.services.cloudformation.stacks", "_with_dependencies"),
    ("ministack.services.apigateway_v1", "_rest_apis"),
    ("ministack.services.ec2", "_vpce_fields_xml"),
    ("ministack.services.eventbridge", "_dispatch_event"),
    ("ministack.services.eventbridge", "_invoke_target"),
    ("ministack.services.eventbridge", "_put_events"),
    ("ministack.services.iam", "_roles"),
    ("ministack.services.stepfunctions", "_ExecutionError"),
    ("ministack.services.stepfunctions", "_execute_task"),
    ("ministack.services.stepfunctions", "_executions"),
    ("ministack.services.stepfunctions", "_fail_execution"),
    ("ministack.services.stepfunctions", "_invoke_resource"),
    ("ministack.services.stepfunctions", "_invoke_with_callback"),
    ("ministack.services.stepfunctions", "_state_machines"),
    ("ministack.services.kms", "_resolve_key"),
    ("ministack.services.s3", "_bucket_default_sse_headers"),
    ("ministack.services.s3", "_buckets"),
    ("ministack.services.s3", "_fire_s3_event"),
    ("ministack.services.s3", "_object_versions"),
    ("ministack.services.s3", "_parse_bucket_key"),
    ("ministack.services.sns", "_fanout"),
    ("ministack.services.sns", "_topics"),
    ("ministack.services.sts", "register_session"),
    *ACCESS_LOG_SEAMS,
    *ALARM_SEAMS,
    *API_SEAMS,
    *ASYNC_SEAMS,
    *CALL_SEAMS,
    *DASHBOARD_SEAMS,
    *DURABILITY_SEAMS,
    *ENVIRONMENT_SEAMS,
    *EVENT_SEAMS,
    *FUNCTION_SEAMS,
    *HISTORY_SEAMS,
    *INTERRUPTION_SEAMS,
    *LAYER_SEAMS,
    *LOG_SEAMS,
    *PATTERN_SEAMS,
    *METRIC_SEAMS,
    *RECORD_SEAMS,
    *RESPONSE_SEAMS,
    *RETENTION_SEAMS,
    *S3_EVENT_SEAMS,
    *SAM_SEAMS,
    *SCHEDULE_SEAMS,
    *SHIFT_SEAMS,
    *TYPE_SEAMS,
    *UNSIGNED_SEAMS,
    *VERSION_SEAMS,
)


class SeamError(RuntimeError):
    """The installed ministack lacks a name that this machine patches."""


def check() -> None:
    """Raise SeamError naming every seam that is gone."""
    gone = [f"{module}.{name}" for module, name in SEAMS if not hasattr(importlib.import_module(module), name)]
    if gone:
        raise SeamError(f"ministack has no {', '.join(gone)}. Install the version that requirements/local.txt pins.")
