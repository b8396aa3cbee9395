"""What people type, and what comes of it: the rows of test_commands.py, each named by its command.

A row is one line in the list of its verb:

    Row("telpher rm -r {store}/logs/ --exclude '*.gz'", TREE, out="removed 1 object", left=["logs/a.gz", …]),

  the command   typed into bash in an empty folder: quotes, pipes and patterns work. `{store}` is a
                bucket of the row's own, `s3://NAME` or `local://NAME`; `{bucket}` is NAME; `{other}`
                a second bucket, empty.
  objects       what is in the bucket before: {key: bytes}. None: there is no such bucket.
  versions      {key: [bytes, …]}, the oldest first, in a bucket that keeps versions; `{v1}`, `{v2}` …
                are their ids, all keys' one after the other. With only="rgw".
  files         what is in the folder before: {path: bytes}.
  exit          the exit code, default 0.
  out, err      regular expressions, searched in standard output and standard error (`^` and `$` are
                ends of lines; `{store}` and `{bucket}` as above). Without `out` nothing is asked of
                standard output; without `err` standard error must be empty when exit is 0.
  left          the keys that are there afterwards; {key: bytes} asks for their bytes, too. None (not
                given): what was there before, unchanged. GONE: the bucket is not there.
  left_files    {path: bytes} in the folder afterwards; other files are nobody's affair.
  only          "local", "s3" (any endpoint) or "rgw" when it makes sense there only.

Every row runs on the embedded store, on our endpoint and, where one is named in the environment, on
any S3 service (the RADOS gateway in `./dev test --all`).
"""

import dataclasses

GONE = "the bucket is not there"


@dataclasses.dataclass
class Row:
    command: str
    objects: dict | None = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    exit: int = 0
    out: str | None = None
    err: str | None = None
    left: object = None
    left_files: dict = dataclasses.field(default_factory=dict)
    only: str = ""
    versions: dict = dataclasses.field(default_factory=dict)


TREE = {"logs/a.gz": b"aa", "logs/b.txt": b"bbb", "logs/old/c.gz": b"cccc", "logs.txt": b"l",
        "z": b"zz"}
ODD = {"a b+c": b"1", "ü/é": b"2", "q?x=1&y": b"3", "r[1].csv": b"4", "dir/": b"", "dir/x": b"5"}
THREE = {"a": b"one\n", "b": b"two\n", "c": b"three\n"}

LS = [
    Row("telpher ls {store}", TREE, out=r"^ +logs/\n.* 1  logs\.txt\n.* 2  z$"),
    Row("telpher ls {store}/", TREE, out=r"^ +logs/\n.* 1  logs\.txt\n.* 2  z$"),
    Row("telpher ls {store}/logs/", TREE,
        out=r"\A +logs/old/\n.* 2  logs/a\.gz\n.* 3  logs/b\.txt\n\Z"),
    Row("telpher ls {store}/logs", TREE, out=r"\A +logs/\n.*logs\.txt\n\Z"),
    Row("telpher ls -r {store}/logs/", TREE, out=r"logs/a\.gz\n.*logs/b\.txt\n.*logs/old/c\.gz$"),
    Row("telpher ls --recursive {store} | wc -l", TREE, out="^5$"),
    Row("telpher ls '{store}/logs/**/*.gz'", TREE, out=r"\A.*logs/a\.gz\n.*logs/old/c\.gz\n\Z"),
    Row("telpher ls '{store}/logs/*.gz'", TREE, out=r"\A.*logs/a\.gz\n\Z"),
    Row("telpher ls '{store}/lo*'", TREE, out=r"\A +logs/\n.*logs\.txt\n\Z"),
    Row("telpher ls '{store}/r[1].csv'", ODD, out=r" 1  r\[1\]\.csv$"),
    Row("telpher ls -r {store} --exclude '*.gz' --total", TREE,
        out=r"logs\.txt\n.*logs/b\.txt\n.*z\n\n3 objects, 6 bytes$"),
    Row("telpher ls -r -H --summarize {store}", {"k": b"x" * 2048},
        out=r"2\.00 KiB  k\n\n1 objects?, 2\.00 KiB$"),
    Row("telpher ls -r --json {store}/logs/old | jq -r '.key, .size'", TREE,
        out=r"\Alogs/old/c\.gz\n4\n\Z"),
    Row("telpher ls --json {store} | jq -c '[.bucket, .prefix]' | head -1", TREE,
        out=r'\["{bucket}","logs/"\]'),
    Row("telpher ls --full -r {store}/logs/old/", TREE, out=r" {store}/logs/old/c\.gz$"),
    Row("telpher ls -l {store}/z", TREE, out=r" 2  \S+ +\S+ +z$"),
    Row("telpher ls {store}/logs/ {store}/z", TREE, out=r"\A{store}/logs/:\n(.*\n)+\n{store}/z:\n.*z\n\Z"),
    Row("telpher ls {store}", {}, out=r"\A\Z"),
    Row("telpher ls {store}/nothing", TREE, exit=3, err="{store}/nothing"),
    Row("telpher ls '{store}/*.iso'", TREE, exit=3, err="no object matches"),
    Row("telpher ls {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher ls {store}/z {store}/nothing", TREE, exit=1, out="z$", err="nothing"),
    Row("telpher ls ./folder", exit=2, err="ls is about s3://… and local://…"),
    Row("telpher ls {store} --colour", exit=2, err="--colour"),
    Row("telpher ls -r {store}", ODD,
        out=r"a b\+c\n.*dir/\n.*dir/x\n.*q\?x=1&y\n.*r\[1\]\.csv\n.*ü/é$"),
    Row("telpher ls local:// | grep -c {bucket}", {}, out="^1$", only="local"),
    Row("telpher ls | grep -c {bucket}", {}, out="^1$", only="s3"),
    Row("telpher ls s3://", {}, out=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  {bucket}$", only="s3"),
]

STAT = [
    Row("telpher stat {store}/logs/a.gz", TREE,
        out=r"\A{store}/logs/a\.gz\n  Kind +object\n  Size +2\n  Modified +20\d\d-"),
    Row("telpher stat --json {store}/z | jq -r '.size, .kind'", TREE, out=r"\A2\nobject\n\Z"),
    Row("telpher cp f {store}/k --metadata a=b --content-type text/x && telpher stat {store}/k",
        {}, {"f": b"hello"}, out=r"Content type +text/x\n  Metadata +a: b", left={"k": b"hello"}),
    Row("telpher cp -q f {store}/k --metadata a=b && telpher stat --json {store}/k | jq -c .metadata",
        {}, {"f": b"hello"}, out=r'^\{"a":"b"\}$', left=["k"]),
    Row("telpher stat {store}", {}, out=r"Kind +bucket"),
    Row("telpher stat '{store}/logs/**' | grep -c Size", TREE, out="^3$"),
    Row("telpher stat {store}/nothing", TREE, exit=3, err="nothing"),
    Row("telpher stat {store}/dir/", ODD, out=r"\A{store}/dir/\n  Kind +object\n  Size +0"),
    Row("telpher stat {store}/logs/", TREE, exit=3, err="logs/"),
    Row("telpher stat '{store}/*.iso'", TREE, exit=3, err="no object matches"),
    Row("telpher stat {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher stat {store}/z {store}/nothing", TREE, exit=1, out="Size +2", err="nothing"),
    Row("telpher stat --json {store}/nothing | jq -r .exit_code", TREE, out="^3$", err="nothing"),
    Row("telpher stat f", {}, {"f": b"hello"}, out=r"Kind +file\n  Name +f\n  Size +5"),
    Row("telpher stat nix", exit=3, err="nix"),
    Row("telpher stat -", exit=2, err="standard input"),
]

CAT = [
    Row("telpher cat {store}/a", THREE, out=r"\Aone\n\Z"),
    Row("telpher cat {store}/c {store}/a", THREE, out=r"\Athree\none\n\Z"),
    Row("telpher cat '{store}/*'", THREE, out=r"\Aone\ntwo\nthree\n\Z"),
    Row("telpher cat '{store}/r[1].csv'", ODD, out=r"\A4\Z"),
    Row("telpher cat '{store}/q?x=1&y'", ODD, out=r"\A3\Z"),
    Row("telpher cat {store}/a f - < g", THREE, {"f": b"file\n", "g": b"input\n"},
        out=r"\Aone\nfile\ninput\n\Z"),
    Row("telpher cat --range 1-2 {store}/c", THREE, out=r"\Ahr\Z"),
    Row("telpher cat --range 4- {store}/c", THREE, out=r"\Ae\n\Z"),
    Row("telpher cat --range -3 {store}/c {store}/a", THREE, out=r"\Aee\nne\n\Z"),
    Row("telpher cat --range 9-5 {store}/c", THREE, exit=2, err="--range"),
    Row("telpher cat {store}/empty | wc -c", {"empty": b""}, out="^0$"),
    Row("telpher cat {store}/big | head -c 5; echo ${PIPESTATUS[0]}", {"big": b"line\n" * 200000},
        out=r"\Aline\n141\n\Z"),
    Row("telpher cat {store}/big | md5sum", {"big": b"line\n" * 200000},
        out="^21c16c13bc4e77e88f615815cdb20e6d"),
    Row("telpher cat {store}/nothing", THREE, exit=3, out=r"\A\Z", err="nothing"),
    Row("telpher cat {store}/nothing {store}/b", THREE, exit=1, out=r"\Atwo\n\Z", err="nothing"),
    Row("telpher cat {store}/dir/", {"dir/": b"marker", "dir/x": b"5"}, out=r"\Amarker\Z"),
    Row("telpher cat {store}/logs/", TREE, exit=2, err=r"no object.*telpher cat '{store}/logs/\*\*'"),
    Row("telpher cat '{store}/*.iso'", THREE, exit=3, err="no object matches"),
    Row("telpher cat {store}/a", None, exit=3, err="'{bucket}' does not exist|nothing|no object",
        left=GONE),
    Row("telpher cat {store}", THREE, exit=2, err=r"telpher cat '{store}/\*\*'"),
    Row("telpher cat {store}/a > /dev/full", THREE, exit=4, err="No space left"),
]

RM = [
    Row("telpher rm {store}/a", THREE, out=r"\A\Z", left=["b", "c"]),
    Row("telpher rm -v {store}/a", THREE, out=r"\Aremoved {store}/a\n\Z", left=["b", "c"]),
    Row("telpher rm {store}/a {store}/c", THREE, left=["b"]),
    Row("telpher rm {store}/nothing", THREE, out=r"\A\Z"),
    Row("telpher rm {store}/logs", TREE, out=r"\A\Z"),
    Row("telpher rm -r {store}/logs/", TREE, out=r"\Aremoved 3 objects\n\Z", left=["logs.txt", "z"]),
    Row("telpher rm -r {store}/logs", TREE, out="removed 3 objects", left=["logs.txt", "z"]),
    Row("telpher rm --recursive {store}", TREE, out="removed 5 objects", left=[]),
    Row("telpher rm -r {store}", {}, out=r"\A\Z"),
    Row("telpher rm -r {store}/dir", {"dir": b"1", "dir/": b"", "dir/x": b"", "dir-2": b""},
        out="removed 3 objects", left=["dir-2"]),
    Row("telpher rm -r {store}/logs/ --exclude '*.gz'", TREE, out="removed 1 object$",
        left=["logs/a.gz", "logs/old/c.gz", "logs.txt", "z"]),
    Row("telpher rm -r {store} --include '*.gz' --include z --exclude 'logs/old/**'", TREE,
        out="removed 2 objects", left=["logs/b.txt", "logs/old/c.gz", "logs.txt"]),
    Row("telpher rm '{store}/logs/*.gz'", TREE, out="removed 1 object$",
        left=["logs/b.txt", "logs/old/c.gz", "logs.txt", "z"]),
    Row("telpher rm '{store}/**/*.gz'", TREE, left=["logs/b.txt", "logs.txt", "z"]),
    Row("telpher rm -r '{store}/lo*'", TREE, out="removed 4 objects", left=["z"]),
    Row("telpher rm '{store}/r[1].csv'", ODD | {"r1.csv": b"other"},
        left=[k for k in ODD if k != "r[1].csv"] + ["r1.csv"]),
    Row("telpher rm -r {store}", ODD, out="removed 6 objects", left=[]),
    Row("telpher rm -n -r {store}/logs/", TREE,
        out=r"\Awould remove {store}/logs/a\.gz\n(.*\n)*would remove 3 objects\n\Z"),
    Row("telpher rm --dryrun {store}/a", THREE, out=r"\Awould remove {store}/a\n\Z"),
    Row("telpher rm -q -r {store}", THREE, out=r"\A\Z", left=[]),
    Row("telpher rm --json -r {store} | jq -c '[.event, .destination, .removed]'", THREE,
        out=r'\["removed","{store}/a",null\]\n(.*\n)*\["summary",null,3\]$', left=[]),
    Row("telpher rm --json -n {store}/a | jq -c '[.event, .destination, .how]'", THREE,
        out=r'\["planned","{store}/a","remove"\]'),
    Row("mkdir d; touch d/b; telpher sync --json d {store} --delete | jq -c "
        "'select(.event == \"removed\") | [.event, .destination]'", {"a": b"1", "b": b""},
        out=r'\A\["removed","{store}/a"\]\n\Z', left=["b"]),
    Row("printf 'a\\n\\n{store}/c\\n' | telpher rm {store} --from-file -", THREE,
        out="removed 2 objects", left=["b"]),
    Row("telpher rm {store}/logs/ --from-file list", TREE, {"list": b"a.gz\r\nold/c.gz"},
        out="removed 2 objects", left=["logs/b.txt", "logs.txt", "z"]),
    Row("echo s3://elsewhere/x | telpher rm {store} --from-file -", THREE, exit=2,
        err="standard input, line 1: 's3://elsewhere/x' is not below {store}"),
    Row("telpher rm {store} --from-file nix", THREE, exit=3, err="nix"),
    Row("telpher ls -r --json {store} | jq -r 'select(.size>2).key' | telpher rm {store} --from-file -",
        TREE, out="removed 2 objects", left=["logs/a.gz", "logs.txt", "z"]),
    Row("telpher rm {store}", THREE, exit=2, err="whole bucket: with -r"),
    Row("telpher rm {store}/logs/", TREE, exit=2, err="is a prefix: with -r"),
    Row("telpher rm {store}/dir/", ODD, out=r"\A\Z", left=[k for k in ODD if k != "dir/"]),
    Row("telpher rm -v {store}/dir/ {store}/r1", ODD | {"r1": b""}, out="^removed {store}/dir/$",
        left=[k for k in ODD if k != "dir/"]),
    Row("telpher rm -n {store}/dir/", ODD, out=r"\Awould remove {store}/dir/\n\Z"),
    Row("telpher rm {store}/z {store}/logs/", TREE, exit=2, err="is a prefix: with -r"),
    Row("telpher rm --all-versions {store}/dir/", ODD, exit=2, err="is a prefix: with -r"),
    Row("telpher rm -r s3://", exit=2, err="names no bucket"),
    Row("telpher rm", exit=2, err="ADDRESS"),
    Row("telpher rm f", {}, {"f": b""}, exit=2, err="rm is about", left_files={"f": b""}),
    Row("telpher rm {store}/a --exclude '*'", THREE, exit=2, err="is one object"),
    Row("telpher rm {store}/a f", THREE, {"f": b""}, exit=2, err="rm is about"),
    Row("telpher rm '{store}/*.iso'", THREE, exit=3, err="no object matches"),
    Row("telpher rm -r {store}/nothing/", THREE, exit=3, err="no object is there"),
    Row("telpher rm -r {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
]

BUCKETS = [
    Row("telpher mb {store}", None, out=r"\A\Z", left=[]),
    Row("telpher mb {store} && telpher mb {store}", None, left=[]),
    Row("telpher mb --json {store} | jq -c .", None, out=r'\A{"event":"done","bucket":"{bucket}"}\n\Z',
        left=[]),
    Row("telpher mb --json s3://B | jq -r .event", None, out="^failed$", err="Invalid bucket name",
        left=GONE),
    Row("telpher mb {store}/key", {}, exit=2, err="is no bucket"),
    Row("telpher mb s3://B", exit=2, err="Invalid bucket name 'B'"),
    Row("telpher rb {store}", {}, out=r"\A\Z", left=GONE),
    Row("telpher rb {store}", THREE, exit=4, err="is not empty .*telpher rb --force {store}"),
    Row("telpher rb --force {store}", ODD, left=GONE),
    Row("telpher rb --force --json {store} | jq -r .event", THREE, out="^done$", left=GONE),
    Row("telpher rb {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher rb {store}/a", THREE, exit=2, err="is no bucket"),
]

DU = [
    Row("telpher du {store}", TREE, out=r"\A +12 +5  {store}\n\Z"),
    Row("telpher du {store}/logs", TREE, out=r"\A +9 +3  {store}/logs\n\Z"),
    Row("telpher du {store}/logs/ {store}/z", TREE,
        out=r"\A +9 +3  {store}/logs/\n +2 +1  {store}/z\n +11 +4  total\n\Z"),
    Row("telpher du --depth 2 {store}", TREE,
        out=r"\A +4 +1  {store}/logs/old/\n +9 +3  {store}/logs/\n +12 +5  {store}\n\Z"),
    Row("telpher du -d 1 {store}/logs/", TREE,
        out=r"\A +4 +1  {store}/logs/old/\n +9 +3  {store}/logs/\n\Z"),
    Row("telpher du -H {store}", {"k": b"x" * 3000}, out=r"2\.93 KiB +1  {store}"),
    Row("telpher du '{store}/**/*.gz'", TREE, out=r" 6 +2  "),
    Row("telpher du {store} --exclude '*.gz'", TREE, out=r" 6 +3  "),
    Row("telpher du --json {store} | jq -r '.bytes, .objects'", TREE, out=r"\A12\n5\n\Z"),
    Row("telpher du {store}", {}, out=r" 0 +0  {store}"),
    Row("telpher du {store}/nothing", TREE, exit=3, err="no object is there"),
    Row("telpher du {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher du .", exit=2, err="du is about"),
]

PRESIGN = [
    Row("curl -sf $(telpher presign {store}/a)", THREE, out=r"\Aone\n\Z", only="s3"),
    Row("curl -sf \"$(telpher presign --expires 10m '{store}/q?x=1&y')\"", ODD, out=r"\A3\Z",
        only="s3"),
    Row("curl -sf -T f $(telpher presign --method PUT {store}/k)", {}, {"f": b"put"},
        left={"k": b"put"}, only="s3"),
    Row("curl -sf $(telpher presign --method GET {store}/a)", THREE, out=r"\Aone\n\Z", only="s3"),
    Row("curl -s -o /dev/null -w '%{http_code}' -T f $(telpher presign --method GET {store}/a)", THREE,
        {"f": b"put"}, out="403", only="s3"),
    Row("telpher presign {store}/a {store}/b | wc -l", THREE, out="^2$", only="s3"),
    Row("telpher presign --json --expires 7d {store}/a | jq -r .method", THREE, out="^GET$",
        only="s3"),
    Row("telpher presign --expires-in 3600 {store}/a", THREE, out="X-Amz-Expires=3600&",
        only="s3"),
    Row("telpher presign --expires 8d {store}/a", THREE, exit=2, err="--expires: must be from 1s to 7d"),
    Row("telpher presign --method DELETE {store}/a", THREE, exit=2, err="must be GET or PUT"),
    Row("telpher presign {store}", exit=2, err="names no object", only="s3"),
    Row("telpher presign {store}/a", THREE, exit=2, err="embedded store", only="local"),
]

CP = [
    Row("telpher cp f {store}/k", {}, {"f": b"data"}, out=r"f -> {store}/k: 4 B",
        left={"k": b"data"}),
    Row("telpher cp f {store}/dir/", {}, {"f": b"data"}, left={"dir/f": b"data"}),
    Row("telpher cp d {store}/p/ --exclude '*.tmp'", {}, {"d/a": b"1", "d/e/b": b"2", "d/x.tmp": b"3"},
        left={"p/a": b"1", "p/e/b": b"2"}),
    Row("telpher cp {store}/z ./", TREE, left_files={"z": b"zz"}),
    Row("telpher cp {store}/logs/ out/", TREE,
        left_files={"out/a.gz": b"aa", "out/b.txt": b"bbb", "out/old/c.gz": b"cccc"}),
    Row("telpher cp '{store}/logs/**/*.gz' out/", TREE,
        left_files={"out/a.gz": b"aa", "out/old/c.gz": b"cccc"}),
    Row("telpher cp {store}/a {other}/b && telpher cat {other}/b", THREE, out="^one$"),
    Row("echo piped | telpher cp - {store}/k", {}, left={"k": b"piped\n"}),
    Row("telpher cp {store}/a -", THREE, out=r"\Aone\n\Z", err="{store}/a -> -"),
    Row("telpher cp f {store}/k --if-none-match", {"k": b"old"}, {"f": b"new"}, exit=4, err="k"),
    Row("telpher cp f {store}/k --overwrite never", {"k": b"old"}, {"f": b"new"}, out="skipped"),
    Row("telpher cp f {store}/k --expect md5:00000000000000000000000000000000", {}, {"f": b"x"},
        exit=6, err="expected 0000"),
    Row("telpher cp -n d {store}/p/", {}, {"d/a": b"1"}, out="would copy d/a -> {store}/p/a"),
    Row("telpher cp nix {store}/k", exit=3, err="nix"),
    Row("telpher cp {store}/nothing out", THREE, exit=3, err="nothing"),
    Row("telpher cp f {store}/k", None, {"f": b"x"}, exit=4, err="telpher mb {store}", only="s3",
        left=GONE),
]

GZ = "--exclude '*' --include '*.gz'"
NOTHING_LEFT = "the filters .--include, --exclude. leave nothing of "
FILTERS = [
    Row(f"telpher cp d {{store}}/p/ {GZ}", files={"d/a.gz": b"1", "d/e/b.gz": b"2", "d/c": b"3"},
        out="^2 files copied", left={"p/a.gz": b"1", "p/e/b.gz": b"2"}),
    Row("telpher cp d {store}/p/ --exclude '*.tmp' --include keep.tmp",
        files={"d/a.tmp": b"1", "d/keep.tmp": b"2", "d/c": b"3"}, left=["p/c", "p/keep.tmp"]),
    Row("telpher cp d {store}/p/ --include '*.gz' --exclude 'a*'",
        files={"d/a.gz": b"1", "d/b.gz": b"2", "d/c": b"3"}, left=["p/b.gz"]),
    Row(f"telpher ls -r {{store}} {GZ}", TREE, out=r"\A.* logs/a\.gz\n.* logs/old/c\.gz\n\Z"),
    Row(f"telpher du {{store}} {GZ}", TREE, out=r" 6 +2  "),
    Row(f"telpher rm -r {{store}} {GZ}", TREE, left=["logs/b.txt", "logs.txt", "z"]),
    Row(f"telpher verify d {{store}}/logs/ {GZ}", TREE,
        {"d/a.gz": b"aa", "d/b.txt": b"other", "d/old/c.gz": b"cccc"}, out="^2 same"),
    Row("telpher cp d {store}/p/ --include '*.iso'", files={"d/a": b"1", "d/b": b"2"},
        out="^0 files copied", err=rf"\Atelpher: d: {NOTHING_LEFT}2 files\n\Z", left=[]),
    Row("telpher sync d {store} --exclude '*'", {"k": b""}, files={"d/a": b"1"},
        err=rf"\Atelpher: d: {NOTHING_LEFT}1 file\n\Z", left=["k"]),
    Row("telpher cp -q d {store}/p/ --exclude '*'", files={"d/a": b"1"}, out=r"\A\Z", left=[]),
    Row("telpher cp d {store}/p/ --exclude '*'", files={"d/.keep/x": b""}, err="nothing of 1 file",
        left=[]),
    Row("mkdir d; telpher cp d {store}/p/ --exclude '*'", out="^0 files copied", left=[]),
    Row("telpher cp {store}/logs/ out/ --include '*.iso'", TREE, exit=3,
        err=NOTHING_LEFT + "3 objects"),
    Row("telpher cp 'd/*' {store} --exclude '*'", files={"d/a": b"1"}, exit=3,
        err=NOTHING_LEFT + "1 file", left=[]),
    Row("telpher ls -r {store}/logs/ --include '*.iso'", TREE, out=r"\A\Z",
        err=rf"\Atelpher: {{store}}/logs/: {NOTHING_LEFT}3 objects\n\Z"),
    Row("telpher du {store} --exclude '*'", TREE, out=" 0 +0 ", err=NOTHING_LEFT + "5 objects"),
    Row("telpher du {store}/logs/ --include '*.iso'", TREE, exit=3, err=NOTHING_LEFT + "3 objects"),
    Row("telpher rm -r {store} --include '*.iso'", TREE, err=NOTHING_LEFT + "5 objects"),
    Row("telpher rm -r {store}/logs/ --include '*.iso'", TREE, exit=3,
        err=NOTHING_LEFT + "3 objects"),
    Row("telpher verify d {store} --exclude '*'", TREE, {"d/x": b""}, out="^0 same",
        err=NOTHING_LEFT + "6 names"),
    Row("telpher verify d {store}/logs/ --exclude '*'", TREE, {"d/x": b""}, exit=3,
        err="no object is there"),
]

OUTPUT = [
    Row("telpher ls {store} > /dev/full", THREE, exit=4, err="standard output could not be written"),
    Row("telpher ls {store} >&-", THREE, exit=4, err="standard output could not be written"),
    Row("telpher stat {store}/a >&-", THREE, exit=4, err="standard output could not be written"),
    Row("telpher presign {store}/a >&-", THREE, exit=4, err="could not be written", only="s3"),
    Row("telpher presign {store}/a >/dev/full", THREE, exit=4, err="could not be written", only="s3"),
    Row("telpher jobs >&-", exit=4, err="could not be written", only="local"),
    Row("telpher ls --help > /dev/full", exit=4, err="could not be written", only="local"),
    Row("telpher --help >&-", exit=4, err="could not be written", only="local"),
    Row("telpher --version > /dev/full", exit=4, err="could not be written", only="local"),
    Row("telpher cp f {store}/k >&-", {}, {"f": b"x"}, left={"k": b"x"}),
    Row("telpher rm {store}/a >&-", THREE, left=["b", "c"]),
    Row("telpher cp f {store}/k --json >&-", {}, {"f": b"x"}, exit=4, err="could not be written",
        left={"k": b"x"}),
    Row("telpher ls -r {store} | head -1; echo ${PIPESTATUS[1]}", THREE, out=r"^0$"),
    Row("telpher cp f {store}/k --json --stats | grep -cE '[0-9]E[-+]?[0-9]'; true", {},
        {"f": b"x" * 100}, out="^0$", left=["k"]),
]

NEW_BUCKET = [
    Row("telpher cp -n f {store}/k", None, {"f": b"x"}, out="^would copy f -> {store}/k: one PUT",
        err=r"\Atelpher: the bucket {store} would be made\n\Z", only="local", left=GONE),
    Row("telpher sync -n --delete d {store}/p", None, {"d/a": b"1"},
        out=r"^would copy d/a -> {store}/p/a: .*\n1 file would be copied", err="would be made",
        only="local", left=GONE),
    Row("telpher sync -n -q d {store}", None, {"d/a": b"1"}, out="^would copy d/a -> {store}/a",
        only="local", left=GONE),
]

SWEEP = [
    Row("telpher sweep {store}", TREE, out="^no upload is open$"),
    Row("telpher sweep {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher sweep --abort {store}", None, exit=3, err="'{bucket}' does not exist", left=GONE),
]

FILES = {"d/a.gz": b"aa", "d/b.txt": b"bbb", "d/old/c.gz": b"cccc"}
VERIFY = [
    Row("telpher verify f {store}/z", TREE, {"f": b"zz"}, out=r"\Asame: f and {store}/z: 2 bytes, "),
    Row("telpher verify {store}/z f", TREE, {"f": b"zz"}, out=r"\Asame: {store}/z and f: 2 bytes, "),
    Row("telpher verify f {store}/", {"f": b"x"}, {"f": b"x"}, out="^same: f and {store}/f: 1 bytes"),
    Row("telpher verify f {store}/z", TREE, {"f": b"yy"}, exit=6,
        out=r"\Adifferent: f and {store}/z: "),
    Row("telpher verify --read f {store}/z", TREE, {"f": b"zy"}, exit=6,
        out="different: .*: first at byte 1$"),
    Row("telpher verify f {store}/z", TREE, {"f": b"zzz"}, exit=6, out="3 and 2 bytes$"),
    Row("telpher verify - {store}/z < f", TREE, {"f": b"zz"}, out="^same: - and {store}/z"),
    Row("telpher verify {store}/a {store}/b", {"a": b"same", "b": b"same"},
        out="^same: .*: 4 bytes, (crc64nvme|MD5 .ETag.) at both ends$"),
    Row("telpher verify --read {store}/a {store}/b", {"a": b"same", "b": b"same"},
        out="read at both ends$"),
    Row("telpher verify -q f {store}/z", TREE, {"f": b"zz"}, out=r"\A\Z"),
    Row("telpher verify d {store}/logs", TREE, FILES, out=r"\A3 same \(.*\), 0 different, 0 missing\n\Z"),
    Row("telpher verify {store}/logs d", TREE, FILES, out="^3 same "),
    Row("telpher verify d {store}/logs/", TREE, FILES | {"d/b.txt": b"xxx", "d/new": b""}, exit=6,
        out=r"^different: d/b\.txt and {store}/logs/b\.txt: (.*\n)*2 same .*, 1 different, 1 missing$"),
    Row("telpher verify d {store}", {"a": b"1", "b/c": b"2"}, {"d/b-c": b"3", "d/b/c": b"2"}, exit=6,
        out=r"\Amissing: d/a\nmissing: {store}/b-c\n1 same .*, 0 different, 2 missing\n\Z"),
    Row("telpher verify d {store}/logs/ --exclude '*.gz'", TREE, {"d/b.txt": b"bbb"}, out="^1 same"),
    Row("telpher verify '{store}/logs/*.gz' d", TREE, FILES, out="^1 same"),
    Row("telpher cp -q {store}/logs/ {other}/ && telpher verify {store}/logs/ {other}", TREE,
        out="^3 same .* at both ends"),
    Row("telpher verify --json d {store}/logs/ | jq -c '[.event, .same]' | tail -1", TREE, FILES,
        out=r'^\["summary",3\]$'),
    Row("telpher verify d {store}/dir/", ODD, {"d/x": b"5"}, out="^1 same"),
    Row("telpher verify d e", files={"d/x": b"1", "e/x": b"1"}, out="^1 same .read at both ends.,"),
    Row("telpher verify {store}/z --version-id null f", TREE, {"f": b"zz"}, out="^same"),
    Row("telpher verify nix {store}/z", TREE, exit=3, err="nix"),
    Row("telpher verify f {store}/nothing", TREE, {"f": b""}, exit=3, err="nothing"),
    Row("telpher verify d {store}/nothing/", TREE, FILES, exit=3, out=r"\A\Z", err="nothing"),
    Row("telpher verify {store}/nothing/ d", TREE, FILES, exit=3, out=r"\A\Z", err="nothing"),
    Row("telpher verify d {store}", None, FILES, exit=3, err="'{bucket}' does not exist", left=GONE),
    Row("telpher verify d nix", files=FILES, exit=3, err="nix"),
    Row("telpher verify - -", exit=2, err="only once"),
    Row("telpher verify {store}/z", TREE, exit=2, err="A B"),
]

# Our endpoint and the embedded store keep no versions: theirs is called "null".
OLD = {"k": [b"old", b"newer"]}

DOCTOR = [
    Row("telpher doctor {store}", TREE, out=r"^  ok    write .*\n(.*\n)*  ok    copy (.*\n)*\n.* well$"),
    Row("telpher doctor {store} --read-only", TREE,
        out=r"^  ok    read  .* can be read\n(.*\n)+\n.*nothing was written .--read-only.$"),
    Row("telpher doctor {store} --json | jq -r 'select(.status == \"failed\") | .check'", {},
        out=r"\A\Z"),
    Row("telpher doctor {store}", None, exit=4, left=GONE,
        out=r"^  FAIL  bucket .*'{bucket}'.*\n +→ Make it: telpher mb {store}"),
    Row("telpher doctor {store} && telpher ls --versions {store}", versions=OLD, only="rgw",
        out=r"ok    versions +kept: (.*\n)*.* 5  \* {v2} +k\n.* 3    {v1} +k\n\Z", left=["k"]),
    Row("telpher doctor {store}/key", exit=2, err="'{store}/key' is no bucket"),
    Row("telpher doctor {store} --no-sign-request", only="s3", exit=4,
        out="list .*\n +→ .* s3:ListBucket on arn:aws:s3:::{bucket} for everybody"),
]

VERSIONS = [
    Row("telpher ls --versions {store}", THREE, out=r" 4  \* null +a\n"),
    Row("telpher ls --versions {store}", versions=OLD, only="rgw",
        out=r"\A.* 5  \* {v2} +k\n.* 3    {v1} +k\n\Z", left=["k"]),
    Row("telpher rm {store}/k && telpher ls --versions --json {store} | jq -c '[.delete_marker,.is_latest]'",
        versions=OLD, only="rgw", out=r"\A\[true,true\]\n\[false,false\]\n\[false,false\]\n\Z",
        left=[]),
    Row("telpher cat --version-id {v1} {store}/k", versions=OLD, only="rgw", out=r"\Aold\Z",
        left=["k"]),
    Row("telpher cat --version-id null {store}/a", THREE, out=r"\Aone\n\Z"),
    Row("telpher cat --version-id nix {store}/a", THREE, exit=3, err="a"),
    Row("telpher stat --version-id {v1} {store}/k", versions=OLD, only="rgw",
        out=r"Size +3\n(.*\n)* +Version +{v1}$", left=["k"]),
    Row("telpher rm --version-id {v2} {store}/k", versions=OLD, only="rgw", left={"k": b"old"}),
    Row("telpher rm --version-id null {store}/a", THREE, left=["b", "c"]),
    Row("telpher rm --all-versions {store}/k", {"k2": b""}, versions=OLD, only="rgw", left=["k2"],
        out="removed 2 objects"),
    Row("telpher rm -r --all-versions {store}", versions=OLD, only="rgw", left=[]),
    Row("telpher rm --all-versions {store}/a", THREE | {"a/x": b"", "ab": b""},
        left=["b", "c", "a/x", "ab"]),
    Row("telpher rm -r --all-versions {store}/a", THREE | {"a/x": b"", "ab": b""},
        left=["b", "c", "ab"]),
    Row("telpher rb --force {store}", versions=OLD, only="rgw", left=GONE),
    Row("telpher rm --version-id null {store}/a {store}/b", THREE, exit=2, err="--version-id"),
    Row("telpher cat --version-id null f", files={"f": b""}, exit=2, err="--version-id"),
]

FOLDER = {"d/a": b"a", "d/deep/b.txt": b"bb", "d/deep/c.log": b"ccc"}
UPLOADED = {"p/a": b"a", "p/deep/b.txt": b"bb", "p/deep/c.log": b"ccc"}

SYNC = [
    Row("telpher sync d {store}/p", files=FOLDER, out="^3 files copied, 6 B", left=UPLOADED),
    Row("telpher sync d {store}/p/ --include '*.txt'", files=FOLDER, out="^1 file copied",
        left=["p/deep/b.txt"]),
    Row("telpher sync ./d/ {store}", files=FOLDER, left=["a", "deep/b.txt", "deep/c.log"]),
    Row("telpher sync d {store}/p -n", files=FOLDER,
        out=r"would copy d/a -> {store}/p/a: .*\n(.*\n)+3 files would be copied", left=[]),
    Row("telpher sync d {store}/p --delete", {"p/old": b"x", "q": b"y"}, files=FOLDER,
        out="3 files copied.*, 1 removed", left=[*UPLOADED, "q"]),
    Row("telpher sync d {store}/p --delete --exclude '*.log'", {"p/old.log": b"x", "p/old": b"y"},
        files=FOLDER, left=["p/a", "p/deep/b.txt", "p/old.log"]),
    Row("telpher sync d {store}/p --json | jq -c 'select(.event==\"summary\")|[.done,.failed]'",
        files=FOLDER, out=r"\[3,0\]", left=UPLOADED),
    Row("telpher sync d {store}/p --size-only -q", {"p/a": b"x"}, files={"d/a": b"a"}, out=r"\A\Z",
        left={"p/a": b"x"}),
    Row("telpher sync {store}/logs out", TREE, out="^3 files copied", left_files={
        "out/a.gz": b"aa", "out/b.txt": b"bbb", "out/old/c.gz": b"cccc"}),
    Row("telpher sync {store}/logs/ {other}/copy/", TREE, out="^3 files copied"),
    Row("telpher sync {store} out", ODD, left_files={"out/a b+c": b"1", "out/ü/é": b"2",
                                                     "out/q?x=1&y": b"3", "out/dir/x": b"5"}),
    Row("telpher sync {store} {store}/copy/", TREE, exit=2, err="into itself"),
    Row("telpher sync nowhere {store}", exit=3, err="the directory 'nowhere' does not exist"),
    Row("telpher sync {store}/nothing out", TREE, exit=3, err="no object is there"),
    Row("telpher sync d/a {store}", files=FOLDER, exit=2, err="telpher cp copies one file"),
    Row("telpher sync 'd/*' {store}", files=FOLDER, exit=2, err="--include"),
    Row("telpher sync d {store}", None, files=FOLDER, exit=4, err="'{bucket}' does not exist",
        left=GONE, only="s3"),
]

MV = [
    Row("telpher mv d/a {store}/k && ls d", files=FOLDER, out="^deep$", left={"k": b"a"}),
    Row("telpher mv d {store}/p/; ls d", files=FOLDER, out=r"\A3 files moved.*\n\Z", left=UPLOADED),
    Row("telpher mv {store}/z {store}/y", TREE,
        left=["logs/a.gz", "logs/b.txt", "logs/old/c.gz", "logs.txt", "y"]),
    Row("telpher mv {store}/logs/ {store}/archive/", TREE, out="^3 files moved",
        left=["archive/a.gz", "archive/b.txt", "archive/old/c.gz", "logs.txt", "z"]),
    Row("telpher mv {store}/logs out -r", TREE, left=["logs.txt", "z"],
        left_files={"out/old/c.gz": b"cccc"}),
    Row("telpher mv '{store}/logs/*.gz' ./", TREE, left=["logs/b.txt", "logs/old/c.gz", "logs.txt", "z"],
        left_files={"a.gz": b"aa"}),
    Row("telpher mv d/a {store}/z --overwrite never && ls d/a", TREE, files=FOLDER, out="d/a"),
    Row("telpher mv d {store}/p/ -n; ls d/a", files=FOLDER, out=r"would move d/a(.*\n)+d/a", left=[]),
    Row("telpher mv {store}/z {store}/z", TREE, exit=2, err="onto itself"),
    Row("telpher mv '{store}/logs/*.gz' {store}/logs/", TREE, exit=2, err="onto itself"),
    Row("telpher mv '{store}/l*/a.gz' {store}", TREE, exit=2, err="it would become itself"),
    Row("telpher mv {store}/logs/ {store}/logs/old/", TREE, exit=2, err="into itself"),
    Row("telpher mv '{store}/logs/*.gz' {store}/logs/old/", TREE, left=[
        "logs/b.txt", "logs/old/a.gz", "logs/old/c.gz", "logs.txt", "z"]),
    Row("telpher mv - {store}/z </dev/null", exit=2, err="use cp", left=[]),
    Row("telpher mv nowhere {store}/z", exit=3, err="nowhere", left=[]),
]

LIST = "url,key,size\nd/a,one,1\nd/deep/b.txt,,\n"

FROM_FILE = [
    Row("telpher cp --from-file list {store}/l/", files={**FOLDER, "list": LIST.encode()},
        out="^2 files copied", left={"l/one": b"a", "l/b.txt": b"bb"}),
    Row("telpher cp --from-file list {store}/l/ -q && telpher cp --from-file list {store}/l/",
        files={**FOLDER, "list": LIST.encode()}, out="^0 files copied.*, 2 skipped",
        left=["l/one", "l/b.txt"]),
    Row("echo '{\"url\":\"d/a\",\"key\":\"k\"}' | telpher cp --from-file - {store}", files=FOLDER,
        left=["k"]),
    Row("printf 'url,sha256\\nd/a,00\\n' | telpher cp --from-file - {store}", files=FOLDER, exit=2,
        err="row 1: sha256", left=[]),
    Row("printf 'url\\nd/a\\nnowhere\\n' | telpher cp --from-file - {store}", files=FOLDER, exit=1,
        err="nowhere", left=["a"]),
    Row("printf 'link\\nd/a\\n' | telpher cp --from-file - {store}", exit=2, err="'url'", left=[]),
    Row("telpher cp --from-file list a b", exit=2, err="DESTINATION"),
]

JOBS = [
    Row("telpher jobs", out="^nothing is unfinished$", only="local"),
    Row("telpher resume", out="^nothing is unfinished$", only="local"),
    Row("telpher resume 0123456789abcdef", exit=3, err="telpher jobs", only="local"),
    Row("telpher forget 0123456789abcdef", exit=3, err="telpher jobs", only="local"),
    Row("telpher forget --json 0123456789abcdef | jq -r .event", out="^failed$", err="telpher jobs",
        only="local"),
    Row("telpher resume --json", out=r"\A\Z", only="local"),
    Row("telpher forget", exit=2, err="--all", only="local"),
    Row("telpher forget --all", out=r"\A\Z", only="local"),
]

ROWS = (LS + STAT + CAT + RM + BUCKETS + DU + PRESIGN + VERIFY + DOCTOR + VERSIONS + CP + FILTERS + OUTPUT + NEW_BUCKET + SWEEP + SYNC + MV + FROM_FILE +
        JOBS)
