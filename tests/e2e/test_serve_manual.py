"""docs/serve.md: its lines, as a newcomer types them."""

import json
import re
import subprocess

from conftest import ROOT, TELPHER, ended, note_shell


def test_five_minutes(telpher, nginx, tmp_path):
    source = nginx.put("remote", b"remote bytes")
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "docs/serve.md").read_text(), re.S))
    assert lines.count("curl") >= 8
    # A port of its own, and this machine's web server in the place of the world's.
    lines = lines.replace("telpher serve >",
                          "telpher serve --listen 127.0.0.1:0 --allow-private-sources 2> log >")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/telpher").symlink_to(TELPHER)
    script = "set -eu\n" + lines + "\nkill %1\nwait %1\n"
    env = telpher.env | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "SOURCE": source}
    done = subprocess.run(["/bin/bash", "-mc", script], cwd=tmp_path, env=env, timeout=240,
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    out = done.stdout.decode()
    assert '"status":"ready"' in out and '"count":2' in out and "telpher_operations_total" in out
    assert (tmp_path / "fetched").read_bytes() == b"remote bytes"
    assert "uploads/" in out
