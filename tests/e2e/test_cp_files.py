"""telpher cp FILE… | DIRECTORY | GLOB | - … and back."""

import os

import pytest

from conftest import MIB, random_bytes, sha256


@pytest.fixture
def tree(tmp_path):
    files = {"a.txt": b"a", "b.bin": random_bytes(3 * MIB), "deep/down/c.txt": b"c",
             "deep/empty": b"", "grün und blau.txt": b"g"}
    for name, data in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def read_tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_cp_file_to_key_and_back(telpher, tmp_path):
    data = random_bytes(50 * MIB)
    (tmp_path / "f").write_bytes(data)
    telpher.ok("cp", "f", "local://bucket/a b/ü?.bin")
    telpher.ok("cp", "local://bucket/a b/ü?.bin", "back")
    assert (tmp_path / "back").read_bytes() == data


def test_cp_directory_and_back(telpher, tree, tmp_path):
    done = telpher.ok("cp", "./tree", "local://bucket/t/")
    assert "5 files copied" in done.out
    telpher.ok("cp", "local://bucket/t/", "./out/")
    assert read_tree(tmp_path / "out") == tree


def test_cp_directory_that_is_there_already(telpher, tree):
    telpher.ok("cp", "./tree", "local://bucket/t/")
    done = telpher.ok("cp", "./tree", "local://bucket/t/", "--overwrite", "never")
    assert "0 files copied" in done.out and "5 skipped" in done.out


def test_cp_globs_on_both_sides(telpher, tree, tmp_path):
    telpher.ok("cp", "tree/**/*.txt", "local://bucket/t/")
    telpher.ok("cp", "local://bucket/t/**/c.*", "./out/")
    assert read_tree(tmp_path / "out") == {"deep/down/c.txt": b"c"}
    assert telpher.exists("local://bucket/t/a.txt")
    assert not telpher.exists("local://bucket/t/b.bin")


def test_cp_include_and_exclude(telpher, tree, tmp_path):
    telpher.ok("cp", "./tree", "local://bucket/t/", "--include", "*.txt", "--exclude", "gr*")
    telpher.ok("cp", "local://bucket/t/", "./out/")
    assert set(read_tree(tmp_path / "out")) == {"a.txt", "deep/down/c.txt"}


def test_cp_several_files(telpher, tree):
    telpher.ok("cp", "tree/a.txt", "tree/b.bin", "local://bucket/x/")
    assert telpher.read("local://bucket/x/b.bin") == tree["b.bin"]


def test_cp_a_thousand_small_files(telpher, tmp_path):
    (tmp_path / "many").mkdir()
    for i in range(1000):
        (tmp_path / "many" / f"{i:04}").write_bytes(random_bytes(2000, seed=i))
    done = telpher.events("cp", "many", "local://bucket/m/")
    assert done.returncode == 0, done.err
    assert done.events[-1]["done"] == 1000
    telpher.ok("cp", "local://bucket/m/", "./out/")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "many")


def test_cp_unreadable_file_among_others(telpher, tree, tmp_path):
    """It is named, the others are copied, the exit code says so."""
    (tmp_path / "tree" / "dangling").symlink_to("/nowhere/at/all")
    done = telpher.run("cp", "./tree", "local://bucket/t/")
    assert done.returncode == 1, done.err
    assert "dangling" in done.err
    assert telpher.exists("local://bucket/t/a.txt")


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
def test_cp_standard_input(telpher, size):
    data = random_bytes(size, seed=size)
    telpher.ok("cp", "-", "local://bucket/piped", input=data)
    assert telpher.read("local://bucket/piped") == data


def test_cp_keys_never_leave_the_directory(telpher, tmp_path):
    telpher.ok("cp", "-", "local://bucket/p/../../evil", input=b"x")
    telpher.ok("cp", "-", "local://bucket/p/good", input=b"y")
    done = telpher.run("cp", "local://bucket/p/", "./deep/out/")
    assert done.returncode == 1, done.err
    assert "evil" in done.err
    assert not (tmp_path / "evil").exists()
    assert (tmp_path / "deep/out/good").read_bytes() == b"y"


def test_cp_between_objects(telpher, tmp_path):
    data = random_bytes(30 * MIB)
    (tmp_path / "f").write_bytes(data)
    telpher.ok("cp", "f", "local://bucket/a", "--content-type", "image/png")
    telpher.ok("cp", "local://bucket/a", "local://other/b")
    assert telpher.read("local://other/b") == data


@pytest.mark.parametrize("name", ["-dash", "a*b", "name with spaces", "per%cent", "q?&=#"])
def test_cp_awkward_names(telpher, tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    telpher.ok("cp", "--", name, "local://bucket/n/" + name)
    assert telpher.read("local://bucket/n/" + name) == b"x"
    telpher.ok("cp", "local://bucket/n/" + name, "./back/")
    assert (tmp_path / "back" / name).read_bytes() == b"x"


@pytest.mark.parametrize("algorithm", ["crc64nvme", "crc32c", "sha256", "md5", "none"])
def test_cp_with_every_checksum(telpher, tmp_path, algorithm):
    data = random_bytes(20 * MIB)
    (tmp_path / "f").write_bytes(data)
    telpher.ok("cp", "f", "local://bucket/k", "--checksum", algorithm)
    assert sha256(telpher.read("local://bucket/k")) == sha256(data)


@pytest.mark.parametrize("destination", ["local://bucket/same/", "./same/"])
def test_cp_two_sources_of_one_name(telpher, tmp_path, destination):
    """One would replace the other: the later is refused, and the message names both."""
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text(folder)
    done = telpher.run("cp", "p/x", "q/x", destination)
    assert done.returncode == 1, done.err
    assert "p/x" in done.err and "q/x" in done.err
    assert telpher.ok("cp", destination + "x", "-").stdout in (b"p", b"q")


def test_cp_two_objects_of_one_name(telpher, tmp_path):
    for name in ("p", "q"):
        telpher.ok("cp", "-", f"local://bucket/{name}/x", input=name.encode())
    for destination in ("local://bucket/same/", "./same/"):
        done = telpher.run("cp", "local://bucket/p/x", "local://bucket/q/x", destination)
        assert done.returncode == 1, done.err
        assert "local://bucket/p/x" in done.err and "local://bucket/q/x" in done.err
        # Sources are copied side by side: whichever came first has the name, and keeps it.
        assert telpher.ok("cp", destination + "x", "-").stdout in (b"p", b"q")


@pytest.mark.parametrize("destination", ["tree/copy/", "tree/new/deeper/", "tree", "link/x/"])
def test_cp_a_directory_into_itself(telpher, tree, tmp_path, destination):
    """It would find its own copies without end."""
    (tmp_path / "link").symlink_to("tree")
    before = read_tree(tmp_path / "tree")
    done = telpher.run("cp", "tree", destination, timeout=30)
    assert done.returncode == 2, done.err
    assert "itself" in done.err
    assert read_tree(tmp_path / "tree") == before
    assert not (tmp_path / "tree/new").exists()


def test_cp_leaves_unfinished_downloads_alone(telpher, tree, tmp_path):
    """A download under way in a tree is nobody's file yet."""
    (tmp_path / "tree/.big.telpher-0123abcd.part").write_text("half")
    (tmp_path / "tree/.big.telpher-nothex!!.part").write_text("a file")
    for destination in ("local://bucket/t/", "./out/"):
        telpher.ok("cp", "tree", destination)
    telpher.ok("cp", "local://bucket/t/", "./back/")
    for folder in ("out", "back"):
        names = {name for name in read_tree(tmp_path / folder)}
        assert ".big.telpher-0123abcd.part" not in names
        assert ".big.telpher-nothex!!.part" in names


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_cp_to_standard_output_by_any_name(telpher, name):
    """Nothing but the bytes."""
    data = random_bytes(20 * MIB)
    telpher.ok("cp", "-", "local://bucket/k", input=data)
    assert telpher.ok("cp", "local://bucket/k", name).stdout == data


def test_cp_to_a_process(telpher, tmp_path):
    """As the shell's >(cat > copy) does it."""
    telpher.ok("cp", "-", "local://bucket/k", input=b"hello")
    reader, writer = os.pipe()
    telpher.ok("cp", "local://bucket/k", f"/dev/fd/{writer}", pass_fds=[writer])
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"hello"


@pytest.mark.parametrize("size", [1, 20 * MIB])
def test_cp_onto_a_private_file_keeps_it_private(telpher, tmp_path, size):
    telpher.ok("cp", "-", "local://bucket/k", input=random_bytes(size))
    (tmp_path / "out").write_text("secret")
    (tmp_path / "out").chmod(0o600)
    telpher.ok("cp", "local://bucket/k", "out")
    assert (tmp_path / "out").stat().st_size == size
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_cp_directory_dry_run(telpher, tmp_path):
    (tmp_path / "tree").mkdir()
    for name, text in (("a", "one"), ("b", "three")):
        (tmp_path / "tree" / name).write_text(text)
    telpher.ok("cp", "tree/a", "local://bucket/t/a")
    for destination in ("local://bucket/t/", "out/"):
        out = telpher.ok("cp", "-n", "tree", destination).out
        for name in "ab":
            assert f"would copy tree/{name} -> {destination}{name}: " in out
        assert out.endswith("\n2 files would be copied, 8 B\n")
    out = telpher.ok("cp", "-n", "tree", "local://bucket/t/", "--overwrite", "never").out
    assert "would skip tree/a -> local://bucket/t/a: it exists already\n" in out
    assert out.endswith("1 file would be copied, 5 B, 1 would be skipped\n")
    done = telpher.events("cp", "-n", "tree", "local://bucket/t/")
    assert [event["event"] for event in done.events] == ["planned", "planned", "summary"]
    assert done.events[-1]["dry_run"] and done.events[-1]["bytes"] == 8
    assert not telpher.exists("local://bucket/t/b") and not (tmp_path / "out").exists()


def test_cp_files_dry_run_names_what_they_become(telpher, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    out = telpher.ok("cp", "-n", "a", "b", "local://bucket/").out
    assert "would copy b -> local://bucket/b: " in out and "2 files would be copied" in out


def test_cp_object_onto_itself_with_other_metadata(telpher, s3, tmp_path):
    s3([])
    (tmp_path / "f").write_text("x")
    for place in ("local://bucket/a", "s3://bucket/a"):
        telpher.ok("cp", "f", place)
        telpher.ok("cp", place, place, "--metadata", "colour=red")
        assert telpher.read(place) == b"x"
