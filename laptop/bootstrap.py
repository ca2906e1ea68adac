"""Make the virtual environment from the hash-locked requirements. Standard library only.

`python3 laptop/bootstrap.py [--dev]` runs under the system's Python 3.11, before anything is
installed. It does nothing when the locks have not changed since the last time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
PIP_TO_UV = {
    "global.index-url": "UV_DEFAULT_INDEX",
    "global.extra-index-url": "UV_INDEX",
    "global.find-links": "UV_FIND_LINKS",
    "global.cert": "SSL_CERT_FILE",
}
"""uv does not read pip's configuration; what a site has set for pip is passed on."""


def main(arguments: list[str]) -> int:
    wanted = ["run", "dev"] if "--dev" in arguments else ["run"]
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        print(
            f"error: Python 3.11 is needed, {sys.executable} is {found}; "
            "install python3.11 (with venv), or name one: make … PYTHON=/path/to/python3.11",
            file=sys.stderr,
        )
        return 2
    VENV.mkdir(exist_ok=True)
    with (VENV / ".bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once: the second waits, then is done
        try:
            return install([name for name in wanted if stamp(name) != digest(name)])
        except subprocess.CalledProcessError as error:
            print(
                f"error: {error.cmd[0]} … ended with {error.returncode}; its words are above, "
                "and .venv can be removed and made again",
                file=sys.stderr,
            )
            return 1


def install(names: list[str]) -> int:
    """Install the named locks and remember what was installed."""
    if not names:
        return 0
    begun = time.monotonic()
    print("Setting up .venv from " + " and ".join(LOCKS[name] for name in names), flush=True)
    if not works():
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            print(
                f"error: cannot make a virtual environment: {made.stdout.strip()} "
                f"{made.stderr.strip()} (Debian and Ubuntu: apt-get install python3.11-venv)",
                file=sys.stderr,
            )
            return 1
    ensure_uv()
    files = [part for name in names for part in ("-r", str(PROJECT / LOCKS[name]))]
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    subprocess.run(
        [*uv, "--require-hashes", *files],
        env=uv_environment(),
        check=True,
    )
    for name in names:
        stamp_file(name).write_text(digest(name))
    print(f"Environment ready after {time.monotonic() - begun:.0f} s", flush=True)
    return 0


def works() -> bool:
    """Whether .venv holds a Python 3.11 that runs."""
    if not PYTHON.exists():
        return False
    question = [str(PYTHON), "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]
    return subprocess.run(question, capture_output=True, check=False).returncode == 0


def ensure_uv() -> None:
    """Install the uv that the lock pins, by its hashes, with pip."""
    pinned = re.search(r"^uv==(\S+)[^\n]*(\n[ ]+--hash[^\n]*)+", lock_text("run"), re.MULTILINE)
    if pinned is None:
        raise SystemExit("error: requirements.txt pins no uv; run `make lock`")
    uv = VENV / "bin" / "uv"
    if uv.exists():
        said = subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False)
        if said.stdout.split()[1:2] == [pinned.group(1)]:
            return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pinned.group(0).rstrip(" \\") + "\n")
        file.flush()
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", file.name], check=True)


def uv_environment() -> dict[str, str]:
    """The environment with pip's index, links and certificates under uv's names."""
    environment = dict(os.environ)
    listed = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        name = name.replace(":env:.", "global.")
        if name in PIP_TO_UV:
            environment.setdefault(PIP_TO_UV[name], value.strip().strip("'\""))
    return environment


def lock_text(name: str) -> str:
    return (PROJECT / LOCKS[name]).read_text()


def digest(name: str) -> str:
    return hashlib.sha256(lock_text(name).encode()).hexdigest()


def stamp_file(name: str) -> Path:
    return VENV / f".installed-{name}"


def stamp(name: str) -> str | None:
    """Digest of the lock that was installed last; None when none was, or .venv is broken."""
    file = stamp_file(name)
    return file.read_text() if file.exists() and PYTHON.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
