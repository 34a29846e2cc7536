"""`hanamictl` offers what the server offers: every call of the description of the API is made by some command."""

from importlib import import_module

import pytest

from hanami_cli.hanamictl import NOUNS
from hanami_cli.usage import lines_of
from hanami_core.http import NATIVE
from tests.cli.test_cli_commands import DELETIONS, LISTS, SINGLE
from tests.whole import Whole

API = "/v1.0alpha"

# Calls whose commands have tests of their own.
ELSEWHERE = {
    ("GET", "/auth"): "token check",
    ("GET", "/audit_log"): "logs audit",
    ("GET", "/checkpoint/export"): "checkpoint export",
    ("GET", "/checkpoint/file"): "checkpoint download",
    ("GET", "/checkpoint/progress"): "checkpoint upload",
    ("POST", "/checkpoint/upload"): "checkpoint upload",
    ("PUT", "/checkpoint/upload"): "checkpoint upload",
    ("GET", "/dataset/content"): "dataset content",
    ("GET", "/dataset/file"): "dataset download",
    ("GET", "/dataset/progress"): "dataset create",
    ("POST", "/dataset/import"): "dataset create",
    ("POST", "/dataset/export"): "dataset download",
    ("GET", "/dataset/export"): "dataset download",
    ("POST", "/dataset/upload/csv"): "dataset create",
    ("PUT", "/dataset/upload/csv"): "dataset create",
    ("POST", "/dataset/upload/mnist"): "dataset create",
    ("PUT", "/dataset/upload/mnist"): "dataset create",
    ("GET", "/error_log"): "logs error",
    ("GET", "/power_consumption"): "measurements power",
    ("GET", "/speed"): "measurements speed",
    ("GET", "/system_info"): "system info",
    ("GET", "/temperature_production"): "measurements temperature",
    ("GET", "/task/metrics"): "task plot",
    ("GET", "/threading"): "system threading",
    ("PUT", "/cluster/lease"): "cluster lease",
    ("PUT", "/dataset/lease"): "dataset lease",
    ("POST", "/cluster"): "cluster create",
    ("POST", "/cluster/predict"): "cluster predict",
    ("POST", "/token"): "every command",
    ("POST", "/folder"): "folder create",
    ("GET", "/folder"): "folder get",
    ("DELETE", "/folder"): "folder delete",
    ("GET", "/folder/all"): "folder list",
    ("GET", "/folder/files"): "folder files",
    ("GET", "/folder/file"): "folder download",
    ("DELETE", "/folder/file"): "folder remove",
    ("POST", "/folder/upload"): "folder upload",
    ("GET", "/folder/upload"): "folder upload",
    ("PUT", "/folder/upload"): "folder upload",
    ("POST", "/folder/directory"): "folder mkdir",
    ("PUT", "/folder/file/name"): "folder rename-file",
    ("PUT", "/folder/file/path"): "folder move",
    ("PUT", "/folder/name"): "folder rename",
    ("PUT", "/folder/options"): "folder change",
    ("POST", "/folder/invitation"): "folder invite",
    ("PUT", "/folder/invitation"): "folder accept",
    ("DELETE", "/folder/invitation"): "folder decline",
    ("GET", "/folder/invitation"): "folder invitations",
    ("PUT", "/folder/permission"): "folder share",
    ("DELETE", "/folder/permission"): "folder unshare",
    ("GET", "/folder/permission"): "folder permissions",
    ("PUT", "/folder/leave"): "folder leave",
    ("POST", "/folder/clone"): "folder clone",
    ("GET", "/folder/clone"): "folder clone",
    ("GET", "/quota"): "quota show",
    ("PUT", "/quota"): "quota set user",
    ("DELETE", "/quota"): "quota reset user",
    ("PUT", "/token"): "project switch",
    ("PUT", "/user/passphrase"): "user passphrase",
    ("GET", "/user/project"): "user project list",
}

ABOUT_THE_API = {("GET", "/openapi.json"), ("GET", "/docs")}


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    with Whole(tmp_path_factory.mktemp("routes")) as whole:
        native = [bound for bound in whole.runtime.routes if bound.api.name == NATIVE]
        return {(bound.route.method, bound.path.removeprefix(API)) for bound in native}


def test_every_call_of_the_server_has_a_command(offered):
    asked = {case[1][:2] for case in SINGLE} | {("GET", case[1]) for case in LISTS}
    asked |= {("DELETE", case[2]) for case in DELETIONS} | set(ELSEWHERE)
    assert len(offered) > 45
    assert asked == offered - ABOUT_THE_API


def test_the_commands_are_there():
    known = {
        " ".join(line.words) for noun in NOUNS for line in lines_of(import_module(f"hanami_cli.nouns.{noun}").HELP)
    }
    assert set(ELSEWHERE.values()) <= known | {"every command"}


def test_each_is_listed_once():
    tabled = {case[1][:2] for case in SINGLE} | {("GET", case[1]) for case in LISTS}
    assert not tabled & set(ELSEWHERE)
