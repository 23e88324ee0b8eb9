"""A web server for tests, on this machine: it serves bytes, and fails as it is told to."""

import threading
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> content), ranges included, and keeps the headers of all requests.

    Each request takes the next of `faults`, if any is left: a status to answer with, or after how
    many bytes of the body to hang up. `headers` are sent with every answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.requests, self.faults = {}, [], []
        self.tag, self.ranges, self.says_length, self.headers = '"1"', True, True, {}
        self.pause = 0.0

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Status(int):
    """A status to fail with."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers)
        fault = server.faults.pop(0) if server.faults else None
        content = server.files.get(self.path[1:])
        start = self._start()
        if isinstance(fault, Status) or content is None:
            self._head(fault or 404)
            return
        if start and start >= len(content):
            self._head(416)
            return
        headers = {"Last-Modified": formatdate(0, usegmt=True)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if server.says_length:
            headers["Content-Length"] = str(len(content) - start)
        if server.tag:
            headers["ETag"] = server.tag
        self._head(206 if start else 200, headers)
        body = content[start:] if fault is None else content[start : start + fault]
        try:
            for i in range(0, len(body), 2**16):
                self.wfile.write(body[i : i + 2**16])
                self.server.slow.wait(server.pause)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed, or has seen enough

    def _head(self, status, headers=None):
        self.send_response(status)
        for name, value in {**(headers or {}), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _start(self):
        said = self.headers.get("Range", "")
        same = self.headers.get("If-Range") in (None, self.server.tag, formatdate(0, usegmt=True))
        if not (self.server.ranges and said and same):
            return 0
        return int(said.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    with Server() as server:
        server.slow = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
