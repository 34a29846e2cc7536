"""The texts of errors, by code. Misspellings are part of the wire: released clients and their tests compare them.

Core, server and features raise codes; what this wire says then stands here, with ``{name}`` for a parameter.
An error whose code is missing here is shown as it says it itself.
"""

from __future__ import annotations

__all__ = ["SENTENCES"]

REFUSED = "Failed to validate JWT-Token with error: "
UNPARSED = "Failed to parse input-values, because of json-parser error: "

REQUESTS = {
    "body_digest_wrong": "Body is not the one that was signed",
    "body_incomplete": "Body is shorter than announced",
    "body_packed": "Body is packed (Content-Encoding: {encoding}), send it as it is",
    "body_too_large": "Body is larger than {limit} bytes",
    "body_unreadable": "Body cannot be read: {reason}",
    "endpoint_unknown": "No endpoint found for path '{path}' and type {method}",
    "idempotency_key_busy": "The call with this Idempotency-Key is being carried out, ask again in a moment",
    "idempotency_key_invalid": "Idempotency-Key must have 1 to {limit} printable characters",
    "idempotency_key_orphaned": (
        "The call with this Idempotency-Key was carried out, and the server ended before it could answer: "
        "see what became of it; with another key it would be done once more"
    ),
    "idempotency_key_reused": "This Idempotency-Key was used for another call",
    "internal_error": "internal error {identity}",
    "method_not_allowed": "Method '{method}' is not supported, only {allowed} are",
    "method_unsupported": "Method '{method}' is not supported, only {known} are",
    "path_invalid": "",
    "path_too_short": "Failed to pasre uri: {path}",
    "path_unknown": "No endpoint found for path '{path}'",
    "storage_busy": "The database of the server is locked, try again in {retry_after} seconds",
    "storage_damaged": "The database of the server is damaged",
    "storage_full": "The disk of the server is full",
    "storage_reserved": (
        "The disk of the server is too full: {needed} are needed, {left} are left beside a reserve of {reserve}"
    ),
    "storage_unavailable": "The server cannot read or write what it stores, try again in {retry_after} seconds",
    "store_unavailable": "Blob store '{store}' cannot be reached, try again later",
    "streams_exhausted": "Too many answers are sent at once, try again in {retry_after} seconds.",
}

FIELDS = {
    "body_invalid": UNPARSED + "{reason}",
    "body_nested_too_deeply": UNPARSED + "nested too deeply",
    "body_no_object": UNPARSED + "the body must be a JSON object",
    "body_number_too_big": UNPARSED + "a number is out of range",
    "field_invalid": "Value-validation failed: item '{field}': {reason}",
    "field_missing": "Validation failed, because variable '{field}' is required, but is not set.",
    "field_no_match": "Given item '{field}' doesn't match with regex \"{pattern}\"",
    "field_repeated": "Given item '{field}' is set more than once",
    "field_too_big": "Given item '{field}' is bigger than {limit}",
    "field_too_long": "Given item '{field}' is longer than {limit} characters",
    "field_too_short": "Given item '{field}' is shorter than {limit} characters",
    "field_too_small": "Given item '{field}' is smaller than {limit}",
    "field_unknown": "Validation failed, because item '{field}' is not in the list of allowed keys",
    "field_wrong_type": "Value-validation failed, because a item '{field}'  has the false type: Exprect {type}-type.",
    "fields_exclusive": "Validation failed, because only one of '{first}' and '{second}' can be set.",
    "about_odd": "Given item '{field}' has control characters; only line ends and tabs are allowed",
    "labels_missing": "Validation failed, because one of 'name', 'about' and 'tags' is required.",
    "tag_odd": "Given item 'tags' has a tag that is not a valid name of 1 to {limit} bytes, see the rule of names",
    "tags_too_many": "Given item 'tags' has more than {limit} tags",
    "name_odd": (
        "Given item '{field}' is not a valid name: letters and digits of any language, blanks inside and the signs _ -"
        " . # + @ ( ) are allowed, a letter, a digit or _ first, and it must not look like a uuid"
    ),
    "nested_too_deeply": "Value-validation failed: nested too deeply",
    "query_invalid": "Query cannot be read: {reason}",
    "query_not_utf8": "Query is not valid UTF-8",
    "user_id_odd": (
        "Given item '{field}' is not a valid user ID: ASCII letters, digits and the signs _ . @ + - are allowed,"
        " a letter or a digit first"
    ),
    "values_invalid": "Value-validation failed: {reason}",
}

IDENTITY = {
    "access_denied": "Access denied by policy",
    "admins_only": "",
    "credential_expired": f"{REFUSED}token expired",
    "credential_invalid": f"{REFUSED}invalid token supplied",
    "credential_missing": f"{REFUSED}invalid token supplied",
    "login_denied": "ACCESS DENIED!\nUser or passphrase is incorrect.",
    "large_answers_busy": "Too many large answers at once, try again in {retry_after} seconds.",
    "logins_busy": "Too many logins at once, try again in {retry_after} seconds.",
    "logins_exhausted": "ACCESS DENIED!\nToo many failed logins, try again in {retry_after} seconds.",
    "no_project_assigned": "User with id '{user}' has no project assigned.",
    "passphrase_of_others": "only an admin can change the passphrase of another user",
    "project_not_assigned": "User with id '{user}' is not assigned to the project with id '{project}'.",
    "signature_invalid": f"{REFUSED}invalid signature",
    "first_message_unknown": "The first message is not understood",
    "host_failed": "Host '{host}' failed: {reason}",
    "host_unavailable": "Host '{host}' is not available",
    "host_unhealthy": "Host '{host}' cannot run networks at the moment: {reason}",
    "socket_failed": "Internal error",
    "target_unknown": "Unknown target '{target}'",
    "socket_token_invalid": "Token invalid",
}

USERS = {
    "passphrase_length": "A passphrase has {minimum} to {maximum} bytes",
    "last_admin": "User with id '{id}' is the last admin and cannot be deleted.",
    "user_deleted": "User with id '{id}' was deleted meanwhile.",
    "user_exists": "User with id '{id}' already exist.",
    "user_is_oneself": "User with id '{id}' tries to delete himself, which is not allowed.",
    "user_left_resources": "A deleted user with id '{id}' still owns {count} resources, delete them first.",
    "user_missing": "User with id '{id}' not found",
}

PROJECTS = {
    "membership_exists": "Project with ID '{project}' is already assigned to user with id '{user}'.",
    "membership_missing": (
        "Project with ID '{project}' is not assigned to user with id '{user}'"
        " and so it can not be removed from the user."
    ),
    "project_deleted": "Project with id '{id}' was deleted meanwhile.",
    "project_exists": "Project with id '{id}' already exist.",
    "project_missing": "Project with id '{id}' not found",
    "project_not_empty": "Project with id '{id}' still contains {count} resources, delete them first.",
}

QUOTAS = {
    "admission_failed": "The plugin '{plugin}' could not tell whether that is allowed, try again later",
    "quota_exhausted": (
        "The {kind} '{id}' has {used} {resource}, {limit} are allowed: delete some, or ask an admin for more"
    ),
    "quota_holder_missing": "Validation failed, because one of 'user_id' and 'project_id' is required.",
    "quota_resource_unknown": "There is no limit of '{resource}', known are: {known}",
    "quota_space_exhausted": (
        "The {kind} '{id}' has {used} on the disk and would have {needed}, {limit} are allowed:"
        " delete something, or ask an admin for more"
    ),
}

KEYPAIRS = {
    "keypair_missing": "Key pair with access key '{access_key}' not found",
    "keypairs_exhausted": "User with id '{user}' has {limit} key pairs, more are not allowed: delete some",
    "secret_sealed_otherwise": (
        "The {name} cannot be decrypted: it was encrypted with another key than {file} in the data directory of the"
        " server. Put the right file back, or create a new key pair."
    ),
}

LOGS = {
    "audit_of_others": "'user_id' can only be set by an admin",
    "errors_for_admins": "only an admin is allowed to request error-logs",
}

HOSTS = {
    "hosts_missing": "there is no compute host; see 'hanami plugins'",
    "placement_host_missing": "{setting} names the host '{host}', which does not exist",
}

MACHINE = {
    "power_not_measured": "Power consumption is not available on this machine",
    "speed_not_measured": "Speed is not available on this machine",
    "temperature_not_measured": "Temperature is not available on this machine",
}

OPENAPI = {
    "api_missing": "Api with name '{name}' not found",
}

DATASETS = {
    "column_missing": "Column with name '{column}' was not found in dataset with UUID '{uuid}'",
    "check_without_report": "'{field}' is only allowed together with 'report'",
    "compared_column_missing": "Column with name '{column}' was not found in the dataset that is compared",
    "compared_columns_unclear": (
        "It is not clear which columns are compared, name them with 'column_name' and 'reference_column_name'"
    ),
    "compared_rows_unequal": (
        "'equal_rows': the result has {rows} rows and the reference has {expected}; without 'equal_rows', the rows "
        "that only one of them has are left out"
    ),
    "compared_widths": "column '{column}' has {width} values, but column '{other}' of the reference has {expected}",
    "compared_dataset_missing": "Dataset with uuid '{uuid}' not found",
    "dataset_decoding": "Data-set with uuid '{uuid}' is being decoded, try again when that has ended",
    "dataset_exists": "Data-set with name '{name}' already exist.",
    "dataset_finalised_elsewhere": "Data-set with uuid '{uuid}' is finalised by another request",
    "dataset_incomplete": "Data-set with uuid '{uuid}' is not complete, its upload was not finalised",
    "dataset_missing": "Data-set with uuid '{uuid}' not found",
    "dataset_of_other_format": "Data-set with uuid '{uuid}' was created for files of format '{format}'",
    "datasets_not_comparable": (
        "The data-sets cannot be compared: no column of both has the same number of values above 1"
    ),
    "file_incomplete": "{part}-data with uuid '{uuid}' is not complete: {missing} of {size} bytes are missing",
    "file_missing": "{part}-data with uuid '{uuid}' not found.",
    "format_parts": "A data-set of format '{format}' has the files: {parts}",
    "format_unknown": "Format '{format}' is unknown, known are: {known}",
    "lease_missing": "There is no lease of '{uuid}' that could be renewed: it stays until it is deleted",
    "rows_out_of_range": "Rows {first} to {last} are out of range, the data-set has {rows} rows",
    "values_too_many": (
        "{rows} rows of {width} values are more than the {limit} values of an answer, ask for {fitting} rows at most"
    ),
    "upload_dropped": "The upload of data-set with uuid '{uuid}' was dropped",
    "upload_missing": "Tempfile with UUID '{uuid}' not found",
    "uploads_exhausted": (
        "User with id '{user}' has {limit} unfinished uploads already, finalise one or delete its data-set first"
    ),
}

CLUSTERS = {
    "checkpoint_damaged": "The stored state of checkpoint with uuid '{uuid}' is damaged or lost, delete it",
    "checkpoint_finalised_elsewhere": "Checkpoint with uuid '{uuid}' is finalised by another request",
    "checkpoint_missing": "Checkpoint with uuid '{uuid}' not found",
    "checkpoint_refused_by_host": "Checkpoint with uuid '{uuid}' holds a network that grows by '{growth}', which host "
    "'{host}' of the cluster cannot run; hosts that can: {hosts}",
    "cluster_exists": "Cluster with name '{name}' already exist.",
    "cluster_in_direct_mode": "Cluster with uuid '{uuid}' is in direct mode, switch it to task mode first",
    "cluster_missing": "Cluster with uuid '{uuid}' not found",
    "cluster_mode_refused": "Can not switch cluster to '{mode}'",
    "cluster_has_tasks": (
        "Can not switch cluster to 'DIRECT': {count} of its tasks are not done, the first is '{task}' with UUID "
        "'{uuid}'; wait for them, or delete them"
    ),
    "cluster_held": (
        "Can not switch cluster to 'DIRECT': user '{user}' has done that already, at {since}; share it ('shared'), "
        "wait until all clients have left, or switch it to 'TASK' first, which ends their work"
    ),
    "task_waits_for_host": "it waits for host '{host}', which {reason}",
    "task_waits_for_clients": (
        "it waits until the cluster is no longer in direct mode, to which user '{user}' has switched it at {since}"
    ),
    "cluster_without_network": "Cluster with uuid '{uuid}' has no network, train it or restore a checkpoint first",
    "deleted_checkpoint_missing": "Chekckpoint with uuid '{uuid}' not found",
    "hexagon_missing": "Cluster with UUID '{uuid}' does not contain a hexagon with ID '{hexagon}'",
    "host_can_not_be_left": "Host '{host}' cannot run the cluster, which has open tasks there",
    "host_missing": "Host with uuid '{uuid}' not found",
    "host_refuses": "Host '{host}' cannot run the cluster: {reason}",
    "template_invalid": "Uploaded template is not a valid cluster-template: \n{reason}",
    "template_no_base64": "Uploaded template is not a valid base64-String.",
}

TASKS = {
    "bindings_missing": "'{field}' must not be empty",
    "cluster_never_trained": "Cluster with uuid '{uuid}' was never trained",
    "class_unknown": "'class_weight': output '{interface}' has no class '{name}', they are numbered from 0 to {last}",
    "class_weight_no_class": (
        "'class_weight': row {row} of output '{interface}' is not a class, which is a single 1 and else 0, or 0 or 1 "
        "if there is one value"
    ),
    "class_weight_odd": "'class_weight': the weight of class '{name}' is {weight}, it must be 0 or more, and finite",
    "class_weight_outputs": (
        "'class_weight' with weights is for trainings with one output, not for: {outputs}; 'balanced' is for all"
    ),
    "class_weight_zero": "'class_weight' is zero for all classes",
    "column_width": "column '{column}' has {width} values, but hexagon '{interface}' was created with {expected}",
    "entry_key_unknown": "'{key}' is not allowed in '{field}'",
    "entry_no_text": "'{key}' in '{field}' must be a string",
    "entry_without_key": "'{key}' is missing",
    "growth_without_weights": "'class_weight' and 'sample_weight': growth '{growth}' does not know weights",
    "interface_repeated": "'{field}': hexagon '{interface}' is given {count} times",
    "interface_unbound": "'{field}' has no entry for hexagon '{interface}'",
    "interface_unknown": "'{field}': the cluster has no hexagon with name '{interface}', known are: {known}",
    "partition_missing": "There is no queue '{partition}' any more, what it belongs to was deleted",
    "requests_exhausted": (
        "Cluster with uuid '{cluster}' has {limit} open requests of others already, try again when they have ended"
    ),
    "result_column_length": "'dataset_column' in 'results' must have 1 to {limit} characters",
    "result_column_repeated": "'results': each output needs a 'dataset_column' of its own",
    "rows_unequal": (
        "'equal_rows': column '{column}' has {rows} rows and column '{other}' has {expected}; without 'equal_rows', a "
        "training leaves out the rows that not all of them have"
    ),
    "rows_too_few": "'time_length' is {time_length}, but there are only {rows} rows",
    "stopping_without_validation": "'early_stopping' needs 'validation'",
    "task_aborted": "Task with UUID '{uuid}' was stopped",
    "task_failed": "Task with UUID '{uuid}' failed: {reason}",
    "task_too_big": "the task would copy {needed} of values into memory, {limit} are allowed",
    "task_missing": "Task with UUID '{uuid}'not found in Cluster with UUID '{cluster}'",
    "task_unknown": "Task with UUID '{uuid}' not found",
    "task_source_missing": "Something that the task needs was deleted meanwhile",
    "validation_leaves_none": "'validation' is {share}, which leaves none of {rows} rows to train with",
    "weight_dataset_missing": (
        "'{field}' needs 'dataset_uuid' and 'dataset_column', because inputs and outputs are of several datasets"
    ),
    "weight_odd": "'sample_weight': the weight of row {row} is {weight}, it must be 0 or more, and finite",
    "weight_rows": "'{field}': column '{column}' has {rows} rows, the training has {expected}",
    "weight_width": "'{field}': column '{column}' has {width} values in a row, it must have one",
    "weights_all_zero": "'sample_weight' and 'class_weight': the weights of all rows are zero",
    "weights_too_big": "'sample_weight' and 'class_weight': the weights are so big that their sum is not finite",
    "training_too_long": "'epochs' is {epochs}; with {rows} rows that is more than {limit} cycles",
}

PREDICTIONS = {
    "prediction_array_compressed": "the body must be an uncompressed .npz file, as numpy.savez writes it",
    "prediction_array_dimensions": "the array must have rows and columns, but it has {dimensions} dimensions",
    "prediction_array_invalid": "the body is not a file of NumPy: {reason}",
    "prediction_array_kind": "the array must be made of numbers, not of {kind}",
    "prediction_input_missing": "'inputs' has no rows for '{input}', the cluster has the inputs: {known}",
    "prediction_input_not_finite": "'inputs': row {row} of '{input}' has a value that is not finite",
    "prediction_input_unknown": "'inputs': the cluster has no input '{input}', known are: {known}",
    "prediction_names_missing": "'inputs' must have rows by name, because the cluster has several inputs: {known}",
    "prediction_not_finite": "the network has no finite answer: {reason}",
    "prediction_ragged": "'inputs': row {row} has {width} values, but row 0 has {expected}",
    "prediction_rows_differ": "'inputs' must have as many rows for each input, got: {counts}",
    "prediction_rows_missing": "'inputs' has no rows for '{input}'",
    "prediction_too_large": (
        "{rows} rows are {values} values of inputs and outputs, {limit} are allowed by the setting {setting}"
    ),
    "prediction_width": "'inputs': rows of '{input}' have {width} values, but the cluster was trained with {expected}",
}

FRAMES = {
    "buffer_empty": "no values for '{buffer}' were sent yet",
    "buffer_not_finite": "bufferName '{buffer}': values must be finite",
    "buffer_size": "a buffer holds 1 to {limit} values, got {size}",
    "buffer_unknown": "bufferName '{buffer}' is unknown, expected one of: {known}",
    "buffers_size": "all buffers together hold at most {limit} values",
    "cluster_busy": "a task works with the cluster, try again later",
    "cluster_not_direct": "the cluster is not in direct mode",
    "frame_count": "numberOfValues is {told}, but the message holds {count} values",
    "frame_is_text": "expected a binary ClusterIO-Message, got a text",
    "frame_process_unknown": "processType {process} is unknown",
    "frame_target_unknown": "targetBufferType must be INPUT_BUFFER_TYPE or EXPECTED_BUFFER_TYPE",
    "frame_unreadable": "Got invalid ClusterIO-Message",
    "frames_dropped": "what was trained was dropped: the cluster was deleted, or its network replaced",
    "input_too_long": "input '{input}' was trained with {limit} values",
    "network_not_stored": "the network cannot be stored, so it must not be trained now",
    "network_never_trained": "the cluster was never trained",
    "target_cluster_missing": "Cluster with UUID '{uuid}' not found",
}

NETWORKS = {
    "expected_value_out_of_range": "output '{interface}' has a value that is not between 0 and 1 in cycle {cycle}",
    "interface_not_in_network": "the network has no {kind} '{interface}', or was not resized for it",
    "interface_size": "{kind} '{interface}' cannot have {size} values, only 1 to {limit}",
    "interface_used_twice": "an {kind} is used twice",
    "interface_width": "{kind} '{interface}' has {expected} values, not {size}",
    "interfaces_size": "all {kind}s together cannot have more than {limit} values",
    "host_memory_exhausted": (
        "the network would need {needed}, but all networks of the host together may have {limit} and have {used}, "
        "try again in {retry_after} seconds"
    ),
    "host_memory_short": "the network would need {needed} of the memory of '{host}', which has {free} for it",
    "user_memory_exhausted": (
        "the network would need {needed}, but the open networks of its owner may have {limit} and have {used}, "
        "try again in {retry_after} seconds"
    ),
    "project_memory_exhausted": (
        "the network would need {needed}, but the open networks of its project may have {limit} and have {used}, "
        "try again in {retry_after} seconds"
    ),
    "network_too_big": "the network would need {needed}, {limit} are allowed",
    "network_interface_missing": "the cluster has no {kind} '{interface}', only {known}",
    "output_resized": "output '{interface}' has {expected} values and cannot have {size}",
    "results_shape": "results of '{interface}' must be a table of {rows} rows that fits to the output",
    "sections_exhausted": "the network has {sections} sections in cycle {cycle}, which is the most that is allowed",
    "training_without_outputs": "a training needs at least one output",
    "values_no_table": "values of '{interface}' must be a table of uint8 or float32",
    "values_too_far_apart": "input '{interface}' has values that are too far apart: {low} and {high}",
}

EXPORTS = {
    "export_impossible": "This cannot be exported as '{format}': {reason}",
    "export_needs_library": (
        "The server lacks the library '{library}', which an admin installs: pip install 'hanami[{extra}]'"
    ),
    "export_unknown": "There is no export '{format}', known are: {known}",
    "exports_exhausted": "Another network is being exported, try again in {retry_after} seconds",
    "network_without_formula": "The network cannot be exported: {reason}",
}

FOLDERS = {
    "folder_clone_missing": "You have no copy of a folder that a task with UUID '{uuid}' makes",
    "folder_clone_stopped": "The copying was stopped",
    "folder_exists": "There is a folder '{name}' already",
    "folder_export_missing": "Export by task with UUID '{uuid}' not found",
    "folder_export_stopped": "The export was stopped",
    "folder_file_changed": "'{path}' was changed while it was read",
    "folder_file_empty": "Given item '{field}': '{path}' is an empty file",
    "folder_file_too_big": "Given item '{field}': '{path}' has {size} bytes, at most {limit} are allowed",
    "folder_hidden": "Folder '{name}' begins with a dot, so it is for its owner only",
    "folder_invitation_missing": "Invitation with UUID '{uuid}' not found",
    "folder_missing": "Folder with UUID '{uuid}' not found",
    "folder_name_invalid": (
        "'{name}' cannot be the name of a folder: up to {limit} letters, digits and _ . - are allowed,"
        " a letter or digit first, or after a dot, and last"
    ),
    "folder_name_missing": "Folder '{name}' not found",
    "folder_name_reserved": "'{name}' cannot be the name of a folder, because it is reserved",
    "folder_not_cloneable": "Folder with UUID '{uuid}' may not be copied",
    "folder_not_managed": "Only the owner of the folder and admins may do this",
    "folder_not_shared": "Folder with UUID '{uuid}' is not shared with you, so you cannot leave it",
    "folder_of_other_kind": "Folder with UUID '{uuid}' does not belong to a {wanted}",
    "folder_of_project": "Only admins of the project '{project}' may create folders for it",
    "folder_path_directory": "{path} is a directory",
    "folder_path_exists": "{path}: something of that name is there already",
    "folder_path_inside_itself": "{path}: a directory cannot be moved into itself",
    "folder_path_invalid": "'{path}' cannot be a path in a folder: {reason}",
    "folder_path_missing": "{path} not found in the folder",
    "folder_path_no_directory": "{path}: a part of it is not a directory",
    "folder_path_special": "{path} is neither a file nor a directory",
    "folder_permission": "You have the permission '{held}' in this folder, this needs '{needed}'",
    "folder_quota_exhausted": "The folder has {used} of {limit}, another {needed} do not fit",
    "folder_storage_full": "The storage of the folder has {left} left, {needed} do not fit",
    "folder_storage_missing": "No plugin of the server brings the storage '{storage}', in which the folder lies",
    "folder_storage_unknown": "There is no storage '{storage}', known are: {known}",
    "folder_upload_missing": "Upload with UUID '{uuid}' not found",
    "folder_upload_offset": "The upload continues at byte {offset}",
    "folder_upload_too_long": "There are more than the {size} bytes that were announced",
    "folder_user_no_member": "User with id '{user}' does not exist, or is no member of the project of the folder",
    "folder_user_not_invited": (
        "User with id '{user}' cannot be invited: there is no such user, or the user is invited already or has the"
        " folder already"
    ),
    "folder_user_without_permission": "Folder with UUID '{uuid}' is not shared with the user with id '{user}'",
}

FEATURES = FOLDERS | EXPORTS | DATASETS | CLUSTERS | TASKS | PREDICTIONS | FRAMES | NETWORKS
SENTENCES = (
    REQUESTS | FIELDS | IDENTITY | USERS | PROJECTS | QUOTAS | KEYPAIRS | LOGS | HOSTS | MACHINE | OPENAPI | FEATURES
)
