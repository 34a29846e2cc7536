"""All that the manuals of v0.4 print is run."""

from __future__ import annotations

import ast
from pathlib import Path

FUNCTIONS = """
hanami_token.request_token project.create_project project.get_project project.list_projects project.delete_project
user.create_user user.get_user user.list_users user.delete_user user.add_roject_to_user user.remove_project_fromUser
user.list_projects_of_user user.switch_project dataset.upload_mnist_files dataset.upload_csv_files dataset.get_dataset
dataset.list_datasets dataset.delete_dataset cluster.create_cluster cluster.get_cluster cluster.list_clusters
cluster.delete_cluster cluster.save_cluster cluster.restore_cluster cluster.switch_host task.create_task task.get_task
task.list_tasks task.delete_task cluster.switch_to_direct_mode direct_io.send_train_input cluster.switch_to_task_mode
direct_io.send_request_input aio.cluster.switch_to_direct_mode aio.direct_io.send_train_input
aio.direct_io.send_request_input request_result.get_request_result request_result.list_request_results
request_result.delete_request_result request_result.check_against_dataset checkpoint.list_checkpoints
checkpoint.delete_checkpoint hosts.list_hosts
"""
"""All that the manuals print."""


def test_every_example_is_run() -> None:
    trees = [ast.parse(chapter.read_text(encoding="utf-8")) for chapter in Path(__file__).parent.glob("*.py")]
    called = {ast.unparse(node.func) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert set(FUNCTIONS.split()) - called == set()
