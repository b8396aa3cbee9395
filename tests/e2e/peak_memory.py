"""How much memory a command needs at most.

A child's peak begins with the memory of the process that started it, and a test run grows to
hundreds of MiB: so this file is also a small program that stands between the two.
"""

import resource
import subprocess
import sys
import tempfile


def run_measured(telpher, *args):
    """(last line of standard output, peak memory in bytes, lines printed) of a run that succeeds."""
    with tempfile.NamedTemporaryFile("r") as peak:
        process = telpher.start(*args, before=[sys.executable, "-I", __file__, peak.name])
        last, lines = b"", 0
        for line in process.stdout:  # not kept: it may be a million lines
            last, lines = line, lines + 1
        _, err = process.communicate()
        assert process.returncode == 0, err.decode()
        return last.decode(), int(peak.read()), lines


if __name__ == "__main__":
    code = subprocess.call(sys.argv[2:])
    with open(sys.argv[1], "w") as peak:
        peak.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
    sys.exit(code)
