"""A stand-in for the server on a real socket, and a way to run `hanamictl` against it."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from hanami_cli import hanamictl
from hanami_sdk import hanami_request
from hanami_sdk._messages import Buffer, Process, classes, encode_values

API = "/v1.0alpha"
LOGIN = {"HANAMI_USER": "asdf", "HANAMI_PASSPHRASE": "asdf asdf", "HANAMI_ADDRESS": "http://127.0.0.1:9"}
GREETING = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass
class FakeApi:
    """Answers what a test told it, and remembers what it was asked."""

    address: str = ""
    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    uploaded: dict = field(default_factory=dict)
    refuse_chunks: bool = False
    asleep: threading.Event = field(default_factory=threading.Event)
    wake_up: threading.Event = field(default_factory=threading.Event)

    def answer(self, method, path, *bodies, status=200):
        """Answer with each of `bodies` once, with the last one for ever."""
        self.answers[method, path] = [(status, body) for body in bodies]

    def take(self, method, path):
        known = self.answers.get((method, path), [(404, "no such endpoint")])
        return known.pop(0) if len(known) > 1 else known[0]

    def asked(self, path):
        """Return (method, query, body) of the requests for `path`."""
        return [(method, query, body) for method, asked, query, body, _ in self.requests if asked == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_request(self):
        api, parts = self.server.api, urlsplit(self.path)
        if self.headers.get("Upgrade") == "websocket":
            return self.websocket(api)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = parts.path.removeprefix(API)
        body = json.loads(text) if text else None
        api.requests.append((self.command, path, dict(parse_qsl(parts.query)), body, self.headers["X-Auth-Token"]))
        status, answer = api.take(self.command, path)
        if answer is SILENCE:
            api.asleep.set()
            api.wake_up.wait(10)
            self.close_connection = True
            return None
        return self.reply(status, answer if isinstance(answer, str) else json.dumps(answer))

    do_GET = do_POST = do_PUT = do_DELETE = handle_request

    def reply(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def websocket(self, api):
        accept = base64.b64encode(hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + GREETING).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        self.close_connection = True
        target = json.loads(self.frame()[1])
        self.send_frame(1, b'{"success": true}')
        if target["target"] == "cluster":
            self.network(api)
            return
        file = api.uploaded.setdefault(target["uuid"], bytearray())
        while (frame := self.frame())[0] == 2:
            message = classes().upload.FromString(frame[1])
            file[message.position :] = message.data
            response = classes().upload_response(success=not api.refuse_chunks, errorMessage="the disk is full")
            self.send_frame(2, response.SerializeToString())

    def network(self, api):
        """Answer with the double of what comes in last."""
        while (frame := self.frame())[0] == 2:
            message = classes().cluster_io.FromString(frame[1])
            api.uploaded[message.bufferName] = list(message.values)
            answer = encode_values("out", [2 * value for value in message.values], False, Process.REQUEST, Buffer.INPUT)
            self.send_frame(2, answer)

    def frame(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return 8, b""
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(self.rfile.read(2 if size == 126 else 8))
        mask = self.rfile.read(4)
        content = self.rfile.read(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size])
        return head[0] & 15, (int.from_bytes(content) ^ key).to_bytes(size)

    def send_frame(self, opcode, content):
        self.wfile.write(bytes([128 | opcode, len(content)]) + content)


SILENCE = object()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (*LOGIN, "HANAMI_PW", "HANAMI_PASSPHRASE_FILE", "HANAMI_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    yield
    hanami_request.set_default_timeout(60)


@pytest.fixture
def login(monkeypatch):
    """A complete login at an address where nobody listens."""
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def api(login, monkeypatch):
    """A server that lets everybody in, and the login for it."""
    fake = FakeApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.api, server.daemon_threads = fake, True
    fake.address = f"http://127.0.0.1:{server.server_port}"
    fake.answer("POST", "/token", {"id": "asdf", "is_admin": True, "name": "asdf", "token": "the token"})
    monkeypatch.setenv("HANAMI_ADDRESS", fake.address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.wake_up.set()
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Run `hanamictl` and return its exit code and its output."""

    def run(*argv):
        capsys.readouterr()
        code = hanamictl.main(argv)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def silence():
    """An answer that does not come."""
    return SILENCE
