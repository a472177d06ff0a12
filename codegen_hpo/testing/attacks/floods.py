"""Programs that send more than anybody wants to read."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("floods")
_SEND = "import os, struct\ndef send(kind, data):\n    data = struct.pack('<cI', kind, len(data)) + data\n"
_SEND += "    while data:\n        data = data[os.write(3, data):]\n"


def _floods(name: str, construct: str, *, timeout_s: float = 4.0) -> Attack:
    return _make(
        name,
        sample_source(construct=construct),
        statuses=("killed", "bad_result", "timeout", "error", "oom"),
        timeout_s=timeout_s,
    )


FLOODS: tuple[Attack, ...] = (
    _floods("floods-stdout", "while True: print('x' * 100000)"),
    _floods("floods-stderr", "import os\nwhile True: os.write(2, b'\\xff\\x00' * 50000)"),
    _floods("floods-with-short-lines", "while True: print(flush=True)", timeout_s=2.0),
    _floods("floods-the-result", "import os\nwhile True: os.write(3, b'W' * 100000)"),
    _floods("floods-with-frames", _SEND + "while True: send(b'K', b'{}')"),
    _floods("floods-with-stages", _SEND + "while True: send(b'G', b'step 1')"),
    _floods(
        "floods-with-empty-frames", _SEND + "while True: os.write(3, struct.pack('<cI', b'O', 0) * 10000)"
    ),
    _floods("floods-with-weights", _SEND + "while True: send(b'W', bytes(1 << 20))"),
    _floods("sends-one-huge-frame", _SEND + "send(b'O', bytes(200 << 20))"),
    _floods(
        "drips",  # half a frame, and then a byte now and then
        "import os, time\nos.write(3, b'O\\x00\\x00\\x00\\x01')\nwhile True:\n    os.write(3, b'x'); time.sleep(0.05)",
        timeout_s=1.5,
    ),
    _make(
        "floods-in-its-last-breath",
        sample_source(
            construct="import os\nos.set_blocking(1, False)\ntry:\n    while True: os.write(1, b'x' * 65536)\n"
            "except BlockingIOError:\n    os._exit(0)"
        ),
        statuses=ANY,
    ),
    _make(
        "warns-without-end",
        sample_source(
            forward="import warnings\nfor i in range(20000):\n    warnings.warn('w' * 900 + str(i))\nreturn self.layer(x_num)"
        ),
        statuses=ANY,
        timeout_s=5.0,
    ),
)
