"""What is asked of a cluster, and how its machines are shared, without one."""

import socket

import pytest

from codegen_hpo.cluster.connection import Needs, Node, connected, read_workers
from codegen_hpo.cluster.faults import answering
from codegen_hpo.engine.places import Asked, cluster_shares, places
from codegen_hpo.errors import ConfigError, SandboxError

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("1", 1),
        ("16", 16),
        ("auto", "auto"),
        ("ray://head:10001", "ray://head:10001"),
        ("ray://10.0.0.7:10001", "ray://10.0.0.7:10001"),
        ("10.0.0.7:6379", "10.0.0.7:6379"),
        ("ray://[fe80::1]:10001", "ray://[fe80::1]:10001"),
    ],
)
def test_workers_are_a_number_or_an_address(text: str, workers: int | str) -> None:
    assert read_workers(text) == workers


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "two", "ray://", "ray://head", "http://head:1", "h:1;rm", "local"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="workers are"):
        read_workers(text)


def test_what_a_trial_needs_in_words() -> None:
    assert Needs(1, 0, GIB).text() == "1 CPU and 1.0 GiB of memory"
    assert Needs(2, 1, 4 * GIB).text() == "2 CPUs, 1 GPU and 4.0 GiB of memory"
    assert Needs(2, 0, GIB).fit(Node(2, 0, GIB))
    assert not Needs(2, 1, GIB).fit(Node(2, 0, GIB))


def asked(**changes: object) -> Asked:
    usual = {"device": "auto", "memory_bytes": 4 * GIB, "parallel": None, "threads": None, "folds": 1}
    return Asked(**usual | changes)  # type: ignore[arg-type]


SMALL, LARGE, GPUS = Node(2, 0, 16 * GIB), Node(16, 0, 64 * GIB), Node(16, 4, 256 * GIB)


@pytest.mark.parametrize(
    ("nodes", "gpus", "changes", "shares"),
    [
        ([SMALL] * 3, 0, {}, (6, 1)),
        ([SMALL, LARGE], 0, {}, (6, 1)),  # the smallest gives its trials one thread
        ([LARGE] * 2, 0, {}, (8, 4)),
        ([LARGE] * 2, 0, {"threads": 8}, (4, 8)),
        ([SMALL, LARGE], 0, {"threads": 4}, (4, 4)),  # the small one is left out
        ([SMALL, GPUS, GPUS], 1, {}, (8, 4)),
        ([Node(0, 0, 16 * GIB), LARGE], 0, {}, (4, 4)),  # a head that runs no tasks
        ([Node(16, 0, 8 * GIB)], 0, {}, (2, 4)),
        ([LARGE] * 2, 0, {"parallel": 3}, (3, 4)),
        ([LARGE] * 2, 0, {"folds": 5}, (5, 4)),
    ],
)
def test_the_places_are_those_of_all_machines(
    nodes: list[Node], gpus: int, changes: dict[str, object], shares: tuple[int, int]
) -> None:
    assert tuple(cluster_shares(nodes, asked(**changes), gpus)) == shares


def test_a_cluster_hands_its_gpus_out() -> None:
    with pytest.raises(ConfigError, match="one GPU"), places("ray://h:1", asked(device="cuda:1")):
        pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen_hpo.cluster.connection.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="Ray") as caught, connected(2, Needs(1, 0, GIB)):
        pass
    assert "codegen-hpo[ray]" in caught.value.hint


def test_an_address_where_nobody_is_fails_at_once() -> None:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))  # and does not listen
        address = f"ray://127.0.0.1:{own.getsockname()[1]}"
        with (
            pytest.raises(SandboxError, match=f"no Ray cluster at {address}: .*refused"),
            connected(address, Needs(1, 0, GIB)),
        ):
            pass


def test_without_a_connection_no_cluster_is_looked_for_and_none_is_started() -> None:
    ray = pytest.importorskip("ray")
    begun = False
    with pytest.raises(SandboxError, match="does not answer"), answering():
        begun = True
    assert not begun
    assert not ray.is_initialized()
