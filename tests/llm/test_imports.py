"""The command line's help must not pay for the client library."""

import subprocess
import sys


def test_no_module_that_describes_an_endpoint_brings_the_client_library():
    modules = "client, endpoint, messages, ledger, cassette, faults, events, retry, dialect, reading"
    probe = f"import sys; from codegen_hpo.llm import {modules}; print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
