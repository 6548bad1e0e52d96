"""A web server on 127.0.0.1 that misbehaves on request."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Files to serve, and what to do wrong.

    Attributes:
        address: ``http://127.0.0.1:<port>``.
        files: {path: bytes}.
        faults: {path: list}, one entry used up per request: None (serve well), an int status, ``("cut", n)`` (promise
            the whole answer, close after n bytes of it), or ``("content", bytes)`` (serve something else).
        ranges: whether range requests are honoured.
        requests: (path, Range header or None) of each request so far.
    """

    def __init__(self):
        self.address, self.files, self.faults, self.ranges, self.requests = None, {}, {}, True, []

    def url(self, path):
        return self.address + path


@contextlib.contextmanager
def serve():
    """Yield a :class:`Site` that is being served; stop at the end."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    site = None

    def do_GET(self):
        asked = self.headers.get("Range")
        self.site.requests.append((self.path, asked))
        faults = self.site.faults.get(self.path)
        fault = faults.pop(0) if faults else None
        content = self.site.files.get(self.path)
        if isinstance(fault, tuple) and fault[0] == "content":
            content = fault[1]
        if content is None or isinstance(fault, int):
            self.send_error(404 if content is None else fault)
            return
        start, status = 0, 200
        if asked and self.site.ranges:
            start, status = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]), 206
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        body = content[start:]
        if isinstance(fault, tuple) and fault[0] == "cut":
            body = body[: fault[1]]
        with contextlib.suppress(ConnectionError):  # torchvision opens a connection only to look for redirects
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass
