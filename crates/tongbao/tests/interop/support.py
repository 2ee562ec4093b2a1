"""Running programs, servers that record what comes, and counting what holds."""

import contextlib
import http.server
import json
import queue
import subprocess
import sys
import threading
import urllib.request

# How long to wait for what must come, in seconds.
PATIENCE = 30

passed = 0


def holds(what, condition):
    """Counts a fact; ends the run where it is none."""
    global passed
    if not condition:
        sys.exit(f"FAILED: {what}")
    passed += 1


def report(name):
    """The closing line."""
    print(f"{name}: {passed} passed, 0 failed")


@contextlib.contextmanager
def running(*command):
    """A verb that serves; its value is the URL where it listens."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith("ready "):
                yield line.split()[1]
                return
        sys.exit(f"FAILED: {command} ended before it was ready")
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


class Recorder(http.server.ThreadingHTTPServer):
    """A server that keeps each request, and answers what `answer` makes of it."""

    daemon_threads = True

    def __init__(self, answer):
        self.answer = answer
        self.requests = queue.Queue()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def next(self):
        return self.requests.get(timeout=PATIENCE)


class Handler(http.server.BaseHTTPRequestHandler):
    """Hands requests to its recorder."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = (self.command, self.path, list(self.headers.items()), body)
        status, headers, answer = self.server.answer(*request)
        self.server.requests.put(request)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        # A 204 has no length.
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_):
        pass


def control(sandbox_url, call, **arguments):
    """A call of the sandbox's own API."""
    body = json.dumps(arguments).encode()
    url = f"{sandbox_url}/control/{call}"
    with urllib.request.urlopen(url, data=body, timeout=PATIENCE) as answer:
        return json.load(answer)
