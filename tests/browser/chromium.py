"""Find the system's Chromium, or install the distribution's package: ``python tests/browser/chromium.py --install``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
ADVICE = (
    "no Chromium was found. Install one (Debian, Ubuntu: apt-get install chromium; Fedora: dnf install chromium; "
    "macOS: brew install --cask google-chrome), or set MI_WIDGETS_CHROMIUM to the path of a Chromium or Chrome."
)


def find() -> str | None:
    """Path of a Chromium or Chrome, or None; MI_WIDGETS_CHROMIUM comes first."""
    named = os.environ.get("MI_WIDGETS_CHROMIUM")
    if named:
        return named
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path), str(MAC) if MAC.exists() else None)


def install() -> bool:
    """Install the distribution's package with apt-get; False where that cannot be done."""
    if shutil.which("apt-get") is None or (os.geteuid() != 0 and shutil.which("sudo") is None):
        return False
    # -n: a run without a terminal fails at once instead of waiting for a password.
    sudo = [] if os.geteuid() == 0 else ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    env = ["env", "DEBIAN_FRONTEND=noninteractive"]
    update = subprocess.run([*sudo, *env, "apt-get", "update", "-qq"], check=False)
    packages = ("chromium", "chromium-browser")  # Debian's name, then Ubuntu's
    return update.returncode == 0 and any(
        subprocess.run([*sudo, *env, "apt-get", "install", "-y", "-qq", name], check=False).returncode == 0
        for name in packages
    )


def main() -> int:
    """Print the path of a browser; with ``--install``, install one first where none is found."""
    path = find()
    if path is None and "--install" in sys.argv[1:] and install():
        path = find()
    sys.stdout.write(f"browser for the tests: {path or ADVICE}\n")
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
