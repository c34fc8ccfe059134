"""Where drive.py runs init: as a plain process, in a hardened container, or under a keeper."""

import os
import shutil
import signal
import subprocess
import tempfile

from wire import Wire, preamble

UID = 12345


class Direct:
    name = "direct"

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.workspace = tempfile.mkdtemp(prefix="glovebox-init-test-")

    def command(self):
        return [self.binary]

    def spawn(self):
        return subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def clean(self):
        shutil.rmtree(self.workspace, ignore_errors=True)


class Container(Direct):
    name = "container"

    def __init__(self, binary, runtime=None):
        self.binary = os.path.abspath(binary)
        self.runtime = runtime
        self.workspace = "/workspace"
        self.count = 0
        self.containers = []

    def command(self):
        self.count += 1
        container = "glovebox-init-test-%d-%d" % (os.getpid(), self.count)
        self.containers.append(container)
        options = ["--read-only", "--network", "none", "--dns", "127.0.0.1", "--dns-search", ".", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "-u", "%d:%d" % (UID, UID), "--pids-limit", "256", "-m", "256m", "--memory-swap", "256m", "--log-driver", "none"]
        options += ["--tmpfs", "/workspace:rw,exec,nosuid,nodev,size=64m,nr_inodes=4096,uid=%d,gid=%d,mode=0700" % (UID, UID), "--tmpfs", "/tmp:rw,exec,nosuid,nodev,size=16m,mode=1777"]
        options += ["-v", self.binary + ":/.glovebox/init:ro", "--entrypoint", "/.glovebox/init"]
        if self.runtime:
            options += ["--runtime", self.runtime]
        return ["docker", "run", "-i", "--rm", "--name", container, *options, "debian:bookworm-slim"]

    def clean(self):
        for container in self.containers:
            subprocess.run(["docker", "rm", "-f", container], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Bubblewrap(Direct):
    """Never started as root: by `setpriv` where the tests are."""

    name = "bubblewrap"

    def __init__(self, binary, proc=True):
        super().__init__(binary)
        os.chmod(self.workspace, 0o755)
        self.proc = proc
        self.copy = os.path.join(self.workspace, "init")
        shutil.copy(self.binary, self.copy)
        os.chmod(self.copy, 0o755)
        self.resolver = os.path.join(self.workspace, "resolv.conf")
        with open(self.resolver, "w") as file:
            file.write("nameserver 127.0.0.1\nsearch .\n")
        self.host_workspace, self.workspace = self.workspace, "/workspace"

    def command(self):
        command = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"] if os.getuid() == 0 else []
        command += [self.copy, "--places", "--network", "--", "/usr/bin/bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", "--new-session"]
        for path in ("/usr", "/bin", "/lib", "/lib64", "/etc"):
            command += ["--ro-bind-try", path, path]
        command += ["--ro-bind", self.resolver, os.path.realpath("/etc/resolv.conf"), "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/workspace", "--ro-bind", self.copy, "/.glovebox/init"]
        if self.proc:
            command += ["--proc", "/proc"]
        return command + ["--", "/.glovebox/init"]

    def clean(self):
        shutil.rmtree(self.host_workspace, ignore_errors=True)


class Session:
    """One init, attached to."""

    def __init__(self, place, attach=True, **configuration):
        self.place = place
        self.keys = (os.urandom(32), os.urandom(32))
        self.process = place.spawn()
        self.wire = Wire(self.process.stdout.fileno(), self.process.stdin.fileno(), self.keys)
        configuration.setdefault("grace_ms", 60000)
        configuration.setdefault("writable", [place.workspace])
        self.wire.send_raw(preamble(self.keys, **configuration))
        if attach:
            self.wire.attach(timeout=30)

    def __enter__(self):
        return self.wire

    def __exit__(self, *_):
        # The container goes with its init, and init goes with its stdin or by itself.
        self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()
        if isinstance(self.place, Container):
            subprocess.run(["docker", "rm", "-f", self.place.containers[-1]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
