"""Starting and stopping the service as whoever runs it does."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx

from tests.acceptance.serving import Serving, serving


def test_a_stop_ends_open_streams_in_order(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        token = httpx.post(f"{service.url}/chat/pass").json()["token"]
        begun, ended = threading.Event(), threading.Event()

        def read() -> None:
            with httpx.stream("GET", f"{service.url}/chat/stream", headers={"X-Chat-Pass": token}, timeout=60) as stream:
                for _ in stream.iter_lines():
                    begun.set()
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        assert begun.wait(20)
        assert service.stop() == 0
        assert ended.wait(1), "the stream was cut, not ended"
        log = service.log.read_text()
        assert "Traceback" not in log
        assert "error" not in log.lower()


def test_a_port_in_use_is_named_before_anything_else_is_begun(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = Serving(tmp_path / "data", port=other.getsockname()[1])
        assert service.run("migrate").returncode == 0
        ended = service.run("serve")
    assert ended.returncode == 1
    assert "HOTLINE_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
