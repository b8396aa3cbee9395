"""vsftpd and OpenSSH's sshd on loopback, started by the tests and ended by them."""

import os
import pathlib
import pwd
import socket
import subprocess
import time

from conftest import ended, free_port, stop

VSFTPD, SSHD = "/usr/sbin/vsftpd", "/usr/sbin/sshd"


class FileServer:
    """A server that shows the files of `root`."""

    def __init__(self, folder, command):
        self.folder = folder
        self.root = folder / "files"
        self.root.mkdir()
        for _ in range(5):  # somebody else may take the port before the server does
            self.port = free_port()
            self.process = subprocess.Popen(command(self), stderr=subprocess.DEVNULL)
            if self.answers():
                return
            stop(self.process)
        raise AssertionError(f"{command(self)} did not start")

    def answers(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return not ended(self.process, within_s=0.05)
            except OSError:
                if ended(self.process, within_s=0.02):
                    return False
        return False

    def put(self, name, data):
        """One that was not written just now: of that it could not be told whether it changes."""
        path = self.root / name
        path.write_bytes(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return self.url(name)


class Ftp(FileServer):
    """Anonymous FTP; with a certificate FTPS, from the first byte on."""

    def __init__(self, folder, certificate=None, key=None):
        (folder / "jail").mkdir()
        self.scheme = "ftps" if certificate else "ftp"
        self.certificate, self.key = certificate, key
        super().__init__(folder, self.command)

    def command(self, _):
        config = {"listen": "YES", "listen_address": "127.0.0.1", "listen_port": self.port,
                  "background": "NO", "run_as_launching_user": "YES", "anonymous_enable": "YES",
                  "no_anon_password": "YES", "local_enable": "NO", "write_enable": "NO",
                  "allow_writeable_chroot": "YES", "seccomp_sandbox": "NO",
                  "xferlog_enable": "NO", "anon_root": self.root,
                  "secure_chroot_dir": self.folder / "jail"}
        if self.certificate:
            config |= {"ssl_enable": "YES", "implicit_ssl": "YES", "allow_anon_ssl": "YES",
                       "force_anon_data_ssl": "YES", "force_anon_logins_ssl": "YES",
                       "require_ssl_reuse": "NO", "rsa_cert_file": self.certificate,
                       "rsa_private_key_file": self.key}
        path = self.folder / "vsftpd.conf"
        path.write_text("".join(f"{name}={value}\n" for name, value in config.items()))
        return [VSFTPD, str(path)]

    def url(self, name, log_in=""):
        return f"{self.scheme}://{log_in}127.0.0.1:{self.port}/{name}"


class Sftp(FileServer):
    """Lets in who has the key that `home` has; passwords are asked for and always wrong."""

    def __init__(self, folder, home):
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # the daemon insists when it is root's
        self.home = home
        (home / ".ssh").mkdir()
        for path in (folder / "host_key", home / ".ssh/id_ed25519"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        super().__init__(folder, self.command)

    def command(self, _):
        path = self.folder / "sshd_config"
        path.write_text(f"Port {self.port}\nListenAddress 127.0.0.1\n"
                        f"HostKey {self.folder}/host_key\n"
                        f"AuthorizedKeysFile {self.home}/.ssh/id_ed25519.pub\n"
                        "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
                        "PasswordAuthentication yes\nSubsystem sftp internal-sftp\n"
                        "LogLevel QUIET\n")
        return [SSHD, "-D", "-e", "-f", str(path)]

    def trust(self):
        """Its host key becomes known to who has `home`."""
        key = (self.folder / "host_key.pub").read_text()
        with open(self.home / ".ssh/known_hosts", "a") as known:
            known.write(f"[127.0.0.1]:{self.port} {key}")

    def url(self, name, log_in=None):
        user = pwd.getpwuid(os.geteuid()).pw_name
        return f"sftp://{log_in or user}@127.0.0.1:{self.port}{self.root}/{name}"
