"""The packages and the tarball in a Debian with nothing else in it, and the library in the hands of
a program built by g++. Needs root (or sudo) for the clean root; ./dev test --all makes the packages
first (packaging/make_packages.sh).
"""

import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = pathlib.Path(os.environ.get("TELPHER_PACKAGES", ROOT / "build" / "packages"))
CACHE = ROOT / "build" / "cache"
SUDO = [] if os.geteuid() == 0 else ["sudo"]


def run(*command, check=True, **kwargs):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=600, **kwargs)
    if check:
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def only(pattern):
    found = sorted(PACKAGES.glob(pattern))
    assert len(found) == 1, f"{pattern}: {found}"
    return found[0]


class CleanRoot:
    """Debian's smallest installation, unpacked for one run."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *command, **kwargs):
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
                 "DEBIAN_FRONTEND=noninteractive"]
        return run(*SUDO, "chroot", self.folder, *clean, *command, **kwargs)

    def put(self, file):
        run(*SUDO, "cp", file, self.folder / "tmp")
        return f"/tmp/{file.name}"

    def files(self):
        found = run(*SUDO, "find", self.folder, "-xdev", "-name", "*telpher*").stdout.split("\n")
        return {name.removeprefix(str(self.folder)) for name in found if name
                and not name.startswith(f"{self.folder}/tmp/")}


def debian_mirror():
    """Where this machine gets Debian 12 from."""
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(ORIGIN)",
                  "Identifier: Packages", check=False).stdout
    mirrors = [line.split()[0] for line in targets.splitlines()
               if line.split()[1:] == ["bookworm", "Debian"]]
    return mirrors[0] if mirrors else "http://deb.debian.org/debian"


def make_base():
    """debootstrap, once: with the lists of packages and what telpher's own need, as downloads."""
    base = CACHE / "bookworm.tar"
    if base.exists():
        return base
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / "bookworm"
    run(*SUDO, "rm", "-rf", folder)
    run(*SUDO, "debootstrap", "--variant=minbase", "bookworm", folder, debian_mirror())
    run(*SUDO, "cp", "/etc/resolv.conf", folder / "etc")
    root = CleanRoot(folder)
    root.run("apt-get", "update", "-qq")
    root.run("apt-get", "install", "-d", "-y", "-qq", "--no-install-recommends", "libcurl4",
             "ca-certificates")
    run(*SUDO, "tar", "-C", folder, "-cf", CACHE / "bookworm.part", ".")
    run(*SUDO, "rm", "-rf", folder)
    run(*SUDO, "chown", str(os.geteuid()), CACHE / "bookworm.part")
    (CACHE / "bookworm.part").rename(base)
    return base


@pytest.fixture(scope="session")
def clean_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    run(*SUDO, "tar", "-C", folder, "-xf", make_base())
    root = CleanRoot(folder)
    yield root
    run(*SUDO, "rm", "-rf", folder)


def there_and_back(root, telpher):
    root.run("sh", "-ec", f"""
        head -c 20000000 /dev/urandom >/tmp/source
        export TELPHER_HOME=/tmp/home
        {telpher} cp /tmp/source local://bucket/object
        {telpher} cp local://bucket/object /tmp/back
        cmp /tmp/source /tmp/back
        rm -rf /tmp/home /tmp/source /tmp/back""")


def test_apt_get_install_telpher_and_remove(clean_root):
    root = clean_root
    before = root.files()
    root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends",
             root.put(only("telpher_*.deb")))
    assert root.run("telpher", "--version").stdout.startswith("telpher 0.")
    there_and_back(root, "telpher")
    added = root.files() - before
    for path in ("/usr/bin/telpher", "/usr/share/bash-completion/completions/telpher",
                 "/usr/share/zsh/vendor-completions/_telpher",
                 "/usr/share/fish/vendor_completions.d/telpher.fish"):
        assert path in added
    # A minimal Debian may leave manuals out of what it unpacks; the package holds it.
    listed = root.run("dpkg", "-L", "telpher").stdout.splitlines()
    assert "/usr/share/man/man1/telpher.1.gz" in listed
    assert "/usr/share/doc/telpher/copyright" in listed
    root.run("bash", "--norc", "-ec",
             "source /usr/share/bash-completion/completions/telpher; complete -p telpher")
    root.run("apt-get", "remove", "-y", "-qq", "telpher")
    assert root.files() == before


def test_apt_get_install_the_library_and_remove(clean_root):
    root = clean_root
    before = root.files()
    packages = [root.put(only("libtelpher0*.deb")), root.put(only("libtelpher-dev_*.deb"))]
    root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    assert "libtelpher.so.0.1 " in root.run("ldconfig", "-p").stdout
    added = root.files() - before
    assert {"/usr/include/telpher/telpher.h", "/usr/lib/libtelpher.so",
            "/usr/lib/cmake/telpher/telpherConfig.cmake",
            "/usr/lib/pkgconfig/telpher.pc"} <= added
    root.run("apt-get", "remove", "-y", "-qq", "libtelpher-dev", "libtelpher0.1")
    assert root.files() == before


def test_the_tarball_runs_where_it_is_unpacked(clean_root):
    root = clean_root
    root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "libcurl4")
    tarball = root.put(only("telpher-*.tar.gz"))
    root.run("tar", "-C", "/opt", "-xzf", tarball)
    folder = only("telpher-*.tar.gz").name.removesuffix(".tar.gz")
    assert root.run(f"/opt/{folder}/bin/telpher", "--version").stdout.startswith("telpher 0.")
    there_and_back(root, f"/opt/{folder}/bin/telpher")
    root.run("rm", "-rf", f"/opt/{folder}")


def test_few_shared_libraries(tmp_path):
    run("dpkg-deb", "-x", only("telpher_*.deb"), tmp_path)
    needed = [line.split("[")[1].rstrip("]") for line in
              run("readelf", "-d", tmp_path / "usr/bin/telpher").stdout.splitlines()
              if "(NEEDED)" in line]
    allowed = {"libc.so.6", "libm.so.6", "libssl.so.3", "libcrypto.so.3", "libcurl.so.4",
               "ld-linux-x86-64.so.2"}
    assert set(needed) <= allowed
    depends = run("dpkg-deb", "-f", only("telpher_*.deb"), "Depends").stdout
    assert "libcurl4" in depends and "libssl3" in depends and "libstdc++" not in depends


def test_the_library_shows_its_header_and_nothing_else(tmp_path):
    run("dpkg-deb", "-x", only("libtelpher0*.deb"), tmp_path)
    library = next(tmp_path.glob("usr/lib/libtelpher.so.*.*.*"))
    names = [line.split(maxsplit=2)[2] for line in
             run("nm", "-DC", "--defined-only", library).stdout.splitlines()]
    assert names
    for name in names:
        assert name.startswith(("telpher::Client::", "telpher::CancelToken::", "telpher::version()"))
        assert "Impl" not in name


# --- a stranger's program ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The tarball's tree."""
    folder = tmp_path_factory.mktemp("installed")
    with tarfile.open(only("telpher-*.tar.gz")) as tar:
        tar.extractall(folder)
    return next(folder.iterdir())


def built_with_pkg_config(installed, folder, source=ROOT / "examples" / "copy.cc"):
    env = os.environ | {"PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "telpher", env=env).stdout.split()
    run("/usr/bin/g++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
        source, "-o", folder / "copy", *flags)
    return folder / "copy"


def built_with_cmake(installed, folder):
    shutil.copy(ROOT / "examples" / "copy.cc", folder)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(stranger CXX)\n"
        "find_package(telpher 0.1 REQUIRED)\nadd_executable(copy copy.cc)\n"
        "target_link_libraries(copy PRIVATE telpher::telpher)\n")
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={installed}",
        "-DCMAKE_CXX_COMPILER=/usr/bin/g++")
    run("cmake", "--build", folder / "build")
    return folder / "build" / "copy"


@pytest.mark.parametrize("built", [built_with_pkg_config, built_with_cmake])
def test_the_example_in_a_strangers_build(installed, tmp_path, built):
    example = (ROOT / "examples" / "copy.cc").read_text()
    assert len(example.splitlines()) < 25
    program = built(installed, tmp_path)
    (tmp_path / "source").write_bytes(os.urandom(3_000_000))
    env = os.environ | {"TELPHER_HOME": str(tmp_path / "home"),
                        "LD_LIBRARY_PATH": str(installed / "lib")}
    done = run(program, tmp_path / "source", "local://bucket/there/", env=env)
    assert "local://bucket/there/source, proven by" in done.stdout
    run(program, "local://bucket/there/source", tmp_path / "back", env=env)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "source").read_bytes()
    missing = run(program, tmp_path / "missing", "local://bucket/x", env=env, check=False)
    assert missing.returncode == 3 and "missing" in missing.stderr


def test_a_strangers_program_and_an_s3_service(installed, tmp_path):
    program = built_with_pkg_config(installed, tmp_path,
                                    ROOT / "tests" / "package" / "stranger.cc")
    (tmp_path / "source").write_bytes(os.urandom(18_000_000))
    env = os.environ | {"TELPHER_HOME": str(tmp_path / "home"),
                        "LD_LIBRARY_PATH": str(installed / "lib"),
                        "TELPHER_S3_ACCESS_KEY": "a-key", "TELPHER_S3_SECRET_KEY": "a-secret-key"}
    with subprocess.Popen([installed / "bin" / "telpher", "s3", "--store", "memory", "--listen",
                           "127.0.0.1:0", "--bucket", "bucket"], env=env, cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE) as server:
        endpoint = server.stdout.readline().split()[-1]
        done = run(program, endpoint, "a-key", "a-secret-key", tmp_path / "source", env=env,
                   check=False)
        server.terminate()
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_the_example(installed, tmp_path):
    program = built_with_pkg_config(installed, tmp_path)
    # A pipe that never ends: the copy can only end by the signal.
    env = os.environ | {"TELPHER_HOME": str(tmp_path / "home"),
                        "LD_LIBRARY_PATH": str(installed / "lib")}
    with subprocess.Popen([program, "-", "local://bucket/x"], env=env, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stderr.read(1)  # progress: the copy is under way
        process.send_signal(2)
        assert process.wait(30) == 130
        assert b"cancelled" in process.stderr.read()


@pytest.mark.parametrize("standard", ["c++20", "c++2b"])
def test_the_header_alone(installed, tmp_path, standard):
    (tmp_path / "alone.cc").write_text("#include <telpher/telpher.h>\n")
    for compiler in ("/usr/bin/g++", "clang++-19"):
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror",
            "-fno-rtti", "-fno-exceptions", "-fsyntax-only", f"-I{installed}/include", tmp_path / "alone.cc")


def test_the_same_commit_makes_the_same_packages(tmp_path):
    run(ROOT / "packaging" / "make_packages.sh", ROOT / "build" / "release", tmp_path)
    for again in sorted(tmp_path.iterdir()):
        assert again.read_bytes() == (PACKAGES / again.name).read_bytes(), again.name
