"""One user of a soak: copies this way and that, is killed, and knows what must be there."""

import collections
import datetime
import hashlib
import pathlib
import random
import re
import shutil
import signal
import subprocess
import threading
import time

from endpoint import ACCESS, BUCKET, SECRET

MIB = 1 << 20
KEYS = 60
ECHO_S = 15  # a request whose client was killed may still be carried out
SIZES = [(0.05, 0, 0), (0.55, 1, 100_000), (0.25, MIB, 12 * MIB), (0.15, 16 * MIB, 40 * MIB)]


def content(seed, size):
    return random.Random(seed).randbytes(size)


class Worker:
    """`model` has the MD5s that a key may have: one if its last write is certain, several after a
    command that was killed or gave up; None stands for "no object". A killed command's last request
    may be carried out a little later, so what came since is not certain either."""

    def __init__(self, soak, number, seed):
        self.soak, self.number = soak, number
        self.chance = random.Random(seed)
        self.folder = pathlib.Path(soak.out) / f"worker{number}"
        self.folder.mkdir()
        self.env = {k: v for k, v in soak.endpoint.env.items() if "S3_" not in k} | {
            "TELPHER_HOME": str(self.folder / "home"), "AWS_ENDPOINT_URL": soak.endpoint.base,
            "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET,
            "HOME": str(self.folder)}
        self.model, self.sizes, self.problems = {}, {}, []
        self.doubtful_until = {}
        self.failures = collections.Counter()
        self.history = []  # (begun, ended, what, key, outcome) of what writes; times in UTC
        self.commands = self.failed = self.killed = self.checked = self.moved = 0
        self.wrong = self.missing = 0

    def live_bytes(self):
        return sum(list(self.sizes.values()))

    def run(self):
        try:
            while not self.soak.stopping.is_set():
                self.chance.choices(
                    [self.upload, self.upload_tree, self.download, self.copy, self.check,
                     self.delete, self.sweep], [30, 4, 15, 12, 25, 12, 2])[0]()
        except Exception as error:
            self.problems.append(f"worker {self.number}: {error!r}")
            raise

    # --- commands ------------------------------------------------------------------------------

    def telpher(self, *args):
        """The exit code; None when it was killed."""
        begun = datetime.datetime.now(datetime.UTC)
        code = self.run_telpher(*args)
        if str(args[2]).startswith(f"s3://{BUCKET}/"):
            key = args[2].removeprefix(f"s3://{BUCKET}/")
            self.note(begun, "cp", key, "killed" if code is None else f"exit {code}")
        return code

    def note(self, begun, what, key, outcome):
        self.history.append((begun, datetime.datetime.now(datetime.UTC), what, key, outcome))

    def what_became_of(self, key, initiated):
        """For people: what was done to a key around the time at which an upload of it began."""
        near = datetime.timedelta(seconds=30)
        return [f"{begun:%T.%f} to {ended:%T.%f} {what}: {outcome}"
                for begun, ended, what, other, outcome in self.history
                if other in (key, None) and begun - near < initiated < ended + near]

    def run_telpher(self, *args):
        self.commands += 1
        process = subprocess.Popen([self.soak.options.telpher, *map(str, args)], env=self.env,
                                   cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        if self.chance.random() < 0.12:
            try:
                process.wait(self.chance.expovariate(8))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                self.killed += 1
                return None
        try:
            _, errors = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            process.kill()
            self.problems.append(f"hangs: {args}")
            return None
        if process.returncode != 0:
            self.failed += 1
            text = re.sub(r"[\w./:-]*(w\d+/|127.0.0.1|s3://)\S*|\d+", "…", errors.decode())
            self.failures[f"exit {process.returncode}: {text[:160]}"] += 1
        if process.returncode not in (0, 1, 3, 4, 5, 6):
            self.problems.append(f"{args}: exit {process.returncode}: {errors[-500:]}")
        return process.returncode

    def new_key(self):
        return f"w{self.number}/{self.chance.randrange(KEYS)}"

    def is_settled(self, key):
        return time.monotonic() > self.doubtful_until.get(key, 0)

    def certain(self):
        """Keys of which it is known what they have."""
        return [key for key, may in self.model.items()
                if len(may) == 1 and None not in may and self.is_settled(key)]

    def make_file(self, path):
        at = self.chance.random()
        for share, low, high in SIZES:
            if (at := at - share) < 0:
                break
        data = content(self.chance.random(), self.chance.randint(low, high))
        path.write_bytes(data)
        return hashlib.md5(data).hexdigest(), len(data)

    def wrote(self, key, md5, size, certain):
        if certain:
            self.moved += size
        else:
            self.doubtful_until[key] = time.monotonic() + ECHO_S
        if self.is_settled(key):
            self.model[key] = {md5}
        else:
            self.model[key] = self.model.get(key, {None}) | {md5}
        self.sizes[key] = size

    def upload(self):
        key, path = self.new_key(), self.folder / "up"
        md5, size = self.make_file(path)
        args = ["cp", path, f"s3://{BUCKET}/{key}", "--part-size", "5MiB", "--concurrency", "4"]
        code = self.telpher(*args)
        if code != 0 and self.chance.random() < 0.7:  # most people type it again
            self.wrote(key, md5, size, False)
            code = self.telpher(*args)
        self.wrote(key, md5, size, code == 0)

    def upload_tree(self):
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        made = {}
        for i in range(15):
            data = content(self.chance.random(), self.chance.randint(1, 30_000))
            (tree / f"t{i}").write_bytes(data)
            made[f"w{self.number}/t{i}"] = (hashlib.md5(data).hexdigest(), len(data))
        code = self.telpher("cp", tree, f"s3://{BUCKET}/w{self.number}/")
        for key, (md5, size) in made.items():
            self.wrote(key, md5, size, code == 0)

    def download(self):
        if not (keys := self.certain()):
            return
        key, path = self.chance.choice(keys), self.folder / "down"
        path.unlink(missing_ok=True)
        code = self.telpher("cp", f"s3://{BUCKET}/{key}", path)
        if code == 3:
            self.missing += 1
            self.problems.append(f"{key} was acknowledged and is not there")
        if path.exists():  # whatever the end was: what has its name is whole
            self.checked += 1
            data = path.read_bytes()
            self.moved += len(data)
            if {hashlib.md5(data).hexdigest()} != self.model[key]:
                self.wrong += 1
                self.problems.append(f"a download of {key} is wrong")
        elif code == 0:
            self.problems.append(f"a download of {key} ended well and there is no file")

    def copy(self):
        if not (keys := self.certain()):
            return
        source, key = self.chance.choice(keys), self.new_key()
        if source == key:
            return
        code = self.telpher("cp", f"s3://{BUCKET}/{source}", f"s3://{BUCKET}/{key}")
        [md5] = self.model[source]
        self.wrote(key, md5, self.sizes[source], code == 0)

    def delete(self):
        if len(keys := self.certain()) < KEYS // 2:
            return
        key = self.chance.choice(keys)
        self.soak.endpoint.delete(key)
        del self.model[key], self.sizes[key]
        if self.soak.endpoint.read(key) is not None:
            self.problems.append(f"{key} was deleted and is there")

    def sweep(self):
        """Ends what killed commands have left."""
        self.commands += 1
        begun = datetime.datetime.now(datetime.UTC)
        done = subprocess.run([self.soak.options.telpher, "sweep", f"s3://{BUCKET}", "--abort"],
                              env=self.env, cwd=self.folder, capture_output=True, timeout=600)
        self.note(begun, "sweep", None, f"exit {done.returncode}")
        self.failed += done.returncode != 0

    # --- what is there -------------------------------------------------------------------------

    def check(self, key=None):
        """Reads a key without an SDK: it is one of those it may be, and from now on that one."""
        if key is None:
            if not self.model:
                return
            key = self.chance.choice(list(self.model))
        found = self.soak.endpoint.read(key)
        may = self.model[key]
        self.checked += 1
        if found not in may:
            self.wrong += found is not None
            self.missing += found is None
            self.problems.append(f"{key} has {found}, not one of {may}")
        if not self.is_settled(key):
            return
        if found is None:
            del self.model[key], self.sizes[key]
        else:
            self.model[key] = {found}

    def check_all(self):
        # No event says that the last request of a killed client has been carried out: its time is
        # waited for, once.
        threading.Event().wait(max([*self.doubtful_until.values(), 0]) - time.monotonic())
        for key in list(self.model):
            self.check(key)
