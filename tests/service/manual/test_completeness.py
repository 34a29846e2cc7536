"""All that the manual prints is run."""

from __future__ import annotations

import ast
from pathlib import Path

from hanami_sdk import (
    request_result,
)
from tests.service.manual.kit import CHECKERS

COMMANDS = """
project create, project get, project list, project delete, user create, user get, user list, user delete,
dataset create mnist, dataset create csv, dataset get, dataset list, dataset delete, dataset check, dataset content,
cluster create, cluster get, cluster list, cluster delete, cluster save, cluster restore,
task create train, task create request, task get, task list, task delete, checkpoint list, checkpoint delete, host list
"""
FUNCTIONS = """
hanami_token.request_token, project.create_project, project.get_project, project.list_projects,
project.delete_project, user.create_user, user.get_user, user.list_users, user.delete_user, user.add_roject_to_user,
user.remove_project_fromUser, user.list_projects_of_user, user.switch_project, dataset.upload_mnist_files,
dataset.upload_csv_files, dataset.get_dataset, dataset.list_datasets, dataset.delete_dataset,
request_result.check_mnist_dataset, dataset.download_dataset_content, cluster.create_cluster, cluster.get_cluster,
cluster.list_clusters, cluster.delete_cluster, cluster.save_cluster, cluster.restore_cluster, cluster.switch_host,
task.create_train_task, task.create_request_task, task.get_task, task.list_tasks, task.delete_task,
cluster.switch_to_direct_mode, direct_io.send_train_input, cluster.switch_to_task_mode, direct_io.send_request_input,
checkpoint.list_checkpoints, checkpoint.delete_checkpoint, hosts.list_hosts
"""
"""All that the manual prints."""


def test_every_example_is_run() -> None:
    trees = [ast.parse(chapter.read_text(encoding="utf-8")) for chapter in Path(__file__).parent.glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    commands = [words(node) for node in calls if isinstance(node.func, ast.Name) and node.func.id == "ctl"]
    functions = {ast.unparse(node.func) for node in calls}
    functions |= {"request_result.check_mnist_dataset"} if request_result in CHECKERS else set()
    assert set(names(FUNCTIONS)) <= functions
    for command in names(COMMANDS):
        assert any(f"{line} ".startswith(f"{command} ") for line in commands), command


def names(text: str) -> list[str]:
    return [name.strip() for name in text.replace("\n", " ").split(",")]


def words(call: ast.Call) -> str:
    """Return the literal words that a call begins with."""
    return " ".join(argument.value for argument in call.args if isinstance(argument, ast.Constant))
