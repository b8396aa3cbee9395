"""The systemd unit, the image and the compose file: what can be told without running them."""

import re
import shutil

import pytest
import yaml

from conftest import DEPLOY, ROOT, run

UNIT = DEPLOY / "systemd/telpher.service"
COMPOSE = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text()


def systemd_analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    return run("systemd-analyze", *arguments)


def test_unit_is_right(tmp_path):
    unit = tmp_path / "telpher.service"  # neither the program nor its manual is installed here
    text = UNIT.read_text().replace("/usr/bin/telpher", "/bin/true")
    unit.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))
    done = systemd_analyze("verify", unit)
    assert done.returncode == 0 and "telpher.service" not in done.stderr, done.stderr


def test_unit_is_hardened():
    """systemd's own measure: 0 is shut, 10 is open; an unhardened service has 9.2."""
    done = systemd_analyze("security", "--offline=true", "--threshold=20", UNIT)
    assert done.returncode == 0, done.stdout[-2000:]


def test_unit_and_its_user_agree():
    unit = UNIT.read_text()
    user = re.search(r"^User=(\w+)$", unit, re.M)[1]
    sysusers = (DEPLOY / "systemd/telpher.sysusers").read_text()
    assert re.search(rf"^u\s+{user}\s", sysusers, re.M)
    home = re.search(r"TELPHER_HOME=(\S+)", unit)[1]
    assert home == "/var/lib/" + re.search(r"^StateDirectory=(\w+)$", unit, re.M)[1]
    assert home in sysusers


def test_keys_reach_no_journal():
    """The first start prints an admin key on standard output."""
    assert re.search(r"^StandardOutput=null$", UNIT.read_text(), re.M)


def test_image_is_made_as_here():
    """Each command of the build is one of ./dev."""
    verbs = re.search(r"^  (setup \|.*)\) ", (ROOT / "dev").read_text(), re.M)[1].split(" | ")
    build = DOCKERFILE.split("\nFROM ")[1]
    commands = re.findall(r"^RUN (.*)$", build, re.M)
    assert commands
    for command in commands:
        program, verb = command.split()[:2]
        assert program == "./dev" and verb in verbs, command
    source = re.search(r"--mount=from=build,source=/telpher/(\S+),target=/packages", DOCKERFILE)[1]
    assert f"packaging/make_packages.sh build/release {source}" in (ROOT / "dev").read_text()


def test_compose_names_what_is_there():
    services, volumes = COMPOSE["services"], set(COMPOSE["volumes"])
    used = set()
    for name, service in services.items():
        for dependency in service.get("depends_on", {}):
            assert dependency in services, name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "docker" / source).exists(), f"{name}: {source}"
            else:
                used.add(source)
        if build := service.get("build"):
            assert (DEPLOY / "docker" / build["context"] / build["dockerfile"]).is_file()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port} is open to everybody"
        if "build" not in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: which version?"
    assert used == volumes


def test_compose_and_scrape_agree():
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    command = COMPOSE["services"]["telpher"]["command"]
    assert host == "telpher" and command[command.index("--host") + 1] == host
    assert command[command.index("--listen") + 1] == f":{port}"
    mount = next(m for m in COMPOSE["services"]["prometheus"]["volumes"] if m.startswith("keys:"))
    key = scrape["authorization"]["credentials_file"]
    assert key == mount.split(":")[1] + "/prometheus"
    assert "> /keys/prometheus" in COMPOSE["services"]["keys"]["command"][0]


def test_image_compose_and_aws_have_one_user_and_home():
    uid = re.search(r"^USER (\d+)$", DOCKERFILE, re.M)[1]
    home = re.search(r"^ENV TELPHER_HOME=(\S+)$", DOCKERFILE, re.M)[1]
    assert f"--uid {uid}" in DOCKERFILE
    assert f"home:{home}" in COMPOSE["services"]["telpher"]["volumes"]
    assert f"chown -R {uid} " in COMPOSE["services"]["keys"]["command"][0]
    template = (DEPLOY / "aws/cloudformation.yaml").read_text()
    assert f'Uid: "{uid}"' in template and f"ContainerPath: {home}" in template


def serve_commands():
    """Each `telpher serve …` that deploy/ and the operator's guide give."""
    for path in sorted([*DEPLOY.rglob("*"), ROOT / "docs/operating.md", *ROOT.glob("docs/runbooks/*.md")]):
        if path.is_file():
            text = re.sub(r"\\?\n\s+", " ", path.read_text())  # one command over several lines
            for command in re.findall(r"telpher serve( [^`\n|>#]*)|TELPHER_SERVE_OPTIONS=(.*)", text):
                yield path.name, "".join(command)
    for service in COMPOSE["services"].values():
        if "serve" in service.get("command", []):
            yield "compose.yaml", " ".join(service["command"])
    yield "Dockerfile", " ".join(re.findall(r'"([^"]+)"', DOCKERFILE.split("\nCMD ")[1]))


def test_options_exist(serve_help):
    there = set(re.findall(r"--[a-z][a-z-]+", serve_help))
    given = {(name, option) for name, command in serve_commands()
             for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", command)}
    assert len(given) > 5
    assert [one for one in sorted(given) if one[1] not in there | {"--help"}] == []
