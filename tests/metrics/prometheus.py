"""A real Prometheus, with the configuration and the rules of deploy/, and what it answers."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml  # type: ignore[import-untyped]

from engine.redis.redisserver import free_port

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
RULES = DEPLOY / "prometheus" / "hubbub.rules.yml"
LIMIT = 30.0  # seconds, which only a failure waits for


class Prometheus:
    """`with Prometheus(folder, target) as prometheus:` scrapes `target` each second."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder = folder
        self._target = target
        self._port = free_port()

    def __enter__(self) -> Self:
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = config["scrape_configs"]
        (job["static_configs"][0]["targets"],) = [[self._target]]
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (self._folder / RULES.name).write_text(RULES.read_text())
        self._log = (self._folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            cwd=self._folder,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Give the series that a query finds. Raises AssertionError with Prometheus' words for one that is wrong."""
        found = self._ask("query", query=expression, **({} if at is None else {"time": f"{at:.3f}"}))
        series = found["result"]
        assert isinstance(series, list), f"{expression} gives no series"
        return series

    def over_time(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Give the series that a query finds in a stretch of time, each second."""
        found = self._ask("query_range", query=expression, start=f"{start:.3f}", end=f"{end:.3f}", step="1")
        assert isinstance(found["result"], list)
        return found["result"]

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=LIMIT) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert told["status"] == "success", told
        assert not told.get("warnings"), told
        data: dict[str, Any] = told["data"]
        return data

    def _wait(self) -> None:
        end = time.monotonic() + LIMIT
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=LIMIT):
                    return
            except OSError:
                assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()
                assert time.monotonic() < end, "Prometheus does not begin"
                time.sleep(0.05)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
