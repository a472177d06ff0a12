import os

import frames
import pytest
from hypothesis import given
from hypothesis import strategies as st


def packed(kind: bytes, payload: bytes) -> bytes:
    return frames.HEADER.pack(kind, len(payload)) + payload


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 50))
def test_frames_are_cut_right_wherever_the_stream_is(payloads: list[bytes], step: int) -> None:
    stream = b"".join(packed(frames.OUTPUTS, payload) for payload in payloads)
    splitter = frames.Splitter(10_000)
    assert all(splitter.feed(stream[at : at + step]) for at in range(0, len(stream), step))
    assert [frame.payload for frame in splitter.frames] == payloads


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_frames_or_refused(data: bytes) -> None:
    splitter = frames.Splitter(1000)
    assert splitter.feed(data) in (True, False)
    assert all(frame.kind not in (frames.VERDICT, frames.PRINTED, frames.HELLO) for frame in splitter.frames)


def test_a_length_beyond_the_cap_is_refused_before_its_payload_comes() -> None:
    assert not frames.Splitter(1000).feed(frames.HEADER.pack(frames.WEIGHTS, 1001))
    assert not frames.Splitter(1 << 20).feed(frames.HEADER.pack(frames.REPORT, (64 << 10) + 1))
    assert not frames.Splitter(1000).feed(packed(frames.VERDICT, b"{}"))


def test_many_small_frames_count_together() -> None:
    splitter = frames.Splitter(1000)
    accepted = [splitter.feed(packed(frames.CHECK, bytes(95))) for _ in range(11)]
    assert accepted == [True] * 10 + [False]


def test_a_pipe_carries_frames_until_it_closes() -> None:
    reading, writing = os.pipe()
    frames.write(writing, frames.JOB, b"{}")
    os.close(writing)
    assert frames.read(reading) == (frames.JOB, b"{}")
    with pytest.raises(frames.ClosedError):
        frames.read(reading)
    os.close(reading)


def test_a_flood_of_empty_frames_ends_at_a_number() -> None:
    frame, stage = packed(frames.CHECK, b""), packed(frames.STAGE, b"step 1")
    assert frames.Splitter(1 << 20).feed(frame * frames.MAX_FRAMES)
    assert not frames.Splitter(1 << 20).feed(frame * (frames.MAX_FRAMES + 1))
    assert not frames.Splitter(1 << 20).feed(stage * (frames.MAX_STAGES + 1))


def test_of_many_stages_the_last_is_kept() -> None:
    splitter = frames.Splitter(1000)
    assert splitter.feed(packed(frames.STAGE, b"load 0") + packed(frames.STAGE, b"step 3"))
    assert (splitter.stage, splitter.frames) == ("step 3", [])


def test_predictions_have_a_cap_of_their_own() -> None:
    assert frames.Splitter(1000, 8).feed(packed(frames.OUTPUTS, bytes(8)))
    assert not frames.Splitter(1000, 8).feed(packed(frames.OUTPUTS, bytes(9)))
    assert frames.Splitter(1000, 8).feed(packed(frames.WEIGHTS, bytes(99)))


def test_points_are_handed_on_at_once_and_kept_nowhere() -> None:
    points: list[bytes] = []
    splitter = frames.Splitter(10_000, passed=points.append)
    assert splitter.feed(packed(frames.POINT, b"one") + packed(frames.POINT, b"two"))
    assert points == [b"one", b"two"]
    assert splitter.frames == []
