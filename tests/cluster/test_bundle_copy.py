"""One copy of a bundle a machine; what a killed process left is removed by the next."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from codegen_hpo.cluster.bundle_copy import BundleCopy, Packed, copies_folder, forget, pack
from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts
from codegen_hpo.testing.bundles import write_sample_bundle

HOLD = """
import sys
from pathlib import Path
from codegen_hpo.cluster.bundle_copy import BundleCopy, pack
copy = BundleCopy(sys.argv[1], lambda: pack(Path(sys.argv[2])))
print(copy.folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def never() -> Packed:
    raise AssertionError("fetched again")


def test_the_second_process_finds_the_copy_and_it_is_the_same_bundle(tmp_path: Path) -> None:
    bundle = write_sample_bundle(tmp_path / "bundle")
    (bundle / "empty.npy").touch()
    first = BundleCopy("k1", lambda: pack(bundle))
    assert BundleCopy("k1", never).folder == first.folder
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == {
        path.name: path.read_bytes() for path in bundle.iterdir()
    }
    (bundle / "empty.npy").unlink()
    (first.folder / "empty.npy").unlink()
    assert read_bundle_facts(first.folder) == read_bundle_facts(bundle)


def test_a_copy_in_use_stays_and_that_of_a_killed_process_goes(tmp_path: Path) -> None:
    bundle = write_sample_bundle(tmp_path / "bundle")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "killed", str(bundle)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert left.is_dir()
        own = BundleCopy("own", lambda: pack(bundle))
        assert left.is_dir(), "it is in use"
        process.kill()
    other = BundleCopy("other", lambda: pack(bundle))
    assert not left.exists()
    assert own.folder.is_dir()
    own.close()
    other.close()
    BundleCopy("last", lambda: pack(bundle))
    assert not own.folder.exists()


def test_a_copy_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    def broken() -> Packed:
        return {"meta.json": np.zeros(3, np.uint8), "train_y.npy": None}  # type: ignore[dict-item]

    with pytest.raises(AttributeError):
        BundleCopy("k1", broken)
    bundle = write_sample_bundle(tmp_path / "bundle")
    assert BundleCopy("k1", lambda: pack(bundle)).folder.is_dir()


def test_the_end_of_a_run_removes_it_at_once(tmp_path: Path) -> None:
    bundle = write_sample_bundle(tmp_path / "bundle")
    copy = BundleCopy("k1", lambda: pack(bundle))
    forget("k1")
    assert not copy.folder.exists()


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    copies_folder().chmod(0o777)
    with pytest.raises(SandboxError, match="own folder"):
        copies_folder()


def test_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    copy = BundleCopy("k1", lambda: {"../../escaped": np.zeros(3, np.uint8)})
    assert [path.name for path in copy.folder.iterdir()] == ["escaped"]
