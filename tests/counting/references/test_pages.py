"""Pages are fetched from real servers over loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from token_guard.counting import meter_for
from token_guard.counting.references import Page
from token_guard.counting.references.addresses import Hosts
from token_guard.counting.references.pages import Fetcher
from token_guard.counting.retry import Retry
from token_guard.counting.service import CountingService
from token_guard.errors import TokenCountError
from token_guard.stores import MemoryStore

LOOPBACK = Hosts(("127.0.0.1",))
AT_ONCE = Retry(sleep=lambda _seconds: None)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """What a server was asked, and what it answers to a path: an answer, or several, one after the other."""

    root: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def says(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return self.root + path


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answers = state.answers[self.path]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    state.root = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def _service(store: MemoryStore | None = None, **options: object) -> CountingService:
    retry = options.pop("retry", AT_ONCE)
    return CountingService(store, fetcher=Fetcher(**{"hosts": LOOPBACK, "store": store, **options}), retry=retry)  # type: ignore[arg-type]


def test_a_page_counts_as_its_text(server: Server) -> None:
    url = server.says("/a", Answer(body="Grüße an alle".encode()))
    assert _service().count(Page(url)).tokens == meter_for("gpt-4o").text("Grüße an alle")


@pytest.mark.parametrize(
    ("validator", "condition"),
    [({"ETag": '"v1"'}, "if-none-match"), ({"Last-Modified": "Fri, 27 Nov 2026 10:00:00 GMT"}, "if-modified-since")],
)
def test_a_page_that_is_the_same_is_not_fetched_again(server: Server, validator: dict[str, str], condition: str) -> None:
    store = MemoryStore()
    url = server.says("/a", Answer(body=b"some words", headers=validator), Answer(304))
    first, again = _service(store).count(Page(url)), _service(store).count(Page(url))
    assert (first.cached, again.cached, first.tokens) == (False, True, again.tokens)
    assert server.asked[1][1][condition] == next(iter(validator.values()))


def test_another_model_gets_the_whole_page(server: Server) -> None:
    store = MemoryStore()
    url = server.says("/a", Answer(body=b"some words", headers={"ETag": '"v1"'}))
    _service(store).count(Page(url))
    assert not _service(store).count(Page(url), "gpt-4").cached
    assert "if-none-match" not in server.asked[1][1]


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(server: Server) -> None:
    waits: list[float] = []
    url = server.says("/a", Answer(503, headers={"Retry-After": "7"}), Answer(500), Answer(body=b"words"))
    assert _service(retry=Retry(first_wait_seconds=0.5, sleep=waits.append)).count(Page(url)).tokens == 1
    assert waits == [7.0, 1.0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "answered 404"),
        (Answer(500), "answered 500"),
        (Answer(body=b"\x89PNG\x00"), "not text: a NUL byte"),
        (Answer(body=b"x" * 2_000), "is larger than 1,000 bytes"),
        (Answer(302, headers={"Location": "http://10.0.0.1/secret"}), "10.0.0.1 is a private address"),
        (Answer(302, headers={"Location": "file:///etc/passwd"}), "is no address of a page"),
        (Answer(302, headers={"Location": "/a"}), "redirects more than 5 times"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_counted_says_why(server: Server, answer: Answer, reason: str) -> None:
    url = server.says("/a", answer)
    with pytest.raises(TokenCountError, match=reason):
        _service(max_bytes=1_000).count(Page(url))


def test_a_busy_server_is_asked_three_times_and_a_slow_one_once(server: Server, request: pytest.FixtureRequest) -> None:
    with pytest.raises(TokenCountError, match="answered 500"):
        _service().count(Page(server.says("/a", Answer(500))))
    assert len(server.asked) == 3
    release = threading.Event()
    request.addfinalizer(release.set)
    server.answers["/slow"] = _Slow(lambda: (release.wait(10) and b"late") or b"")  # type: ignore[assignment]
    with pytest.raises(TokenCountError, match="no answer within"):
        _service(seconds=0.2).count(Page(server.root + "/slow"))
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({"Content-Length": "100"}, "answered in part"), ({"Content-Encoding": "gzip"}, "is not packed as its server says")],
)
def test_a_server_that_answers_badly_is_not_said_to_be_out_of_reach(server: Server, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(TokenCountError, match=reason):
        _service().count(Page(server.says("/a", Answer(body=b"words", headers=headers))))


def test_a_redirect_is_followed(server: Server) -> None:
    server.says("/b", Answer(body=b"words"))
    assert _service().count(Page(server.says("/a", Answer(301, headers={"Location": "/b"})))).tokens == 1


def test_a_private_address_is_not_asked_unless_an_operator_named_it(server: Server) -> None:
    url = server.says("/a", Answer(body=b"words"))
    for hosts in (Hosts(), Hosts(("10.0.0.0/8",)), Hosts(("localhost",))):
        with pytest.raises(TokenCountError, match=r"127\.0\.0\.1 is a private address, which is not fetched; .*counting\.allowed_hosts"):
            _service(hosts=hosts).count(Page(url))
    assert server.asked == []
    for hosts in (Hosts(("127.0.0.0/8",)), Hosts(("127.0.0.*",))):
        assert _service(hosts=hosts).count(Page(url)).tokens == 1


def test_where_only_a_list_counts_public_hosts_are_not_asked() -> None:
    with pytest.raises(TokenCountError, match="is on no list of hosts"):
        Hosts(("docs.example",), only=True).addresses("8.8.8.8", 443)
    assert Hosts(("8.8.0.0/16",), only=True).addresses("8.8.8.8", 443) == ("8.8.8.8",)


def test_the_address_that_was_checked_is_the_one_that_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time leads nowhere else."""
    monkeypatch.setattr(Hosts, "addresses", lambda *_: ("127.0.0.1",))
    url = server.says("/a", Answer(body=b"words")).replace("127.0.0.1", "rebound.invalid")
    assert _service().count(Page(url)).tokens == 1
    assert server.asked[0][1]["host"].startswith("rebound.invalid:")


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:port/", "http://[::1/"])
def test_what_is_no_address_says_so(url: str) -> None:
    with pytest.raises(TokenCountError, match="is no address"):
        _service().count(Page(url))


def test_a_dead_server_and_a_slow_one_say_so(server: Server, request: pytest.FixtureRequest) -> None:
    with pytest.raises(TokenCountError, match="cannot be reached"):
        _service().count(Page("http://127.0.0.1:1/"))
    release = threading.Event()
    request.addfinalizer(release.set)
    answer: Callable[[], bytes] = lambda: (release.wait(10) and b"late") or b""  # noqa: E731
    server.answers["/slow"] = _Slow(answer)  # type: ignore[assignment]
    with pytest.raises(TokenCountError, match=r"no answer within 0\.2 seconds"):
        _service(seconds=0.2).count(Page(server.root + "/slow"))
    release.set()


class _Slow(list[Answer]):
    def __init__(self, wait: Callable[[], bytes]) -> None:
        super().__init__([Answer()])
        self.wait = wait

    def __getitem__(self, _place: object) -> Answer:  # type: ignore[override]
        return Answer(body=self.wait())


def test_without_a_fetcher_no_page_is_fetched() -> None:
    with pytest.raises(TokenCountError, match="pages are not fetched here"):
        CountingService().count(Page("http://127.0.0.1:1/"))
