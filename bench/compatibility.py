"""`python -m bench.compatibility`: install fifty popular packages, have the doctor examine them, and write the table.

    python -m bench.compatibility python3.13 python3.14

Needs uv (`python -m uv`). Each Python gets an environment of its own in a temporary folder; the versions installed are
those that PyPI has at the time, wheels only. The table goes into `docs/compatibility.md`, between its two marks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "compatibility.md"
BEGIN, END = "<!-- findings: begin -->", "<!-- findings: end -->"

NAMES = """
    aiohttp attrs beautifulsoup4 boto3 certifi cffi charset-normalizer click cloudpickle cryptography Django
    fastapi Flask greenlet grpcio httpx idna Jinja2 joblib lxml MarkupSafe matplotlib msgpack msgspec networkx
    numpy orjson packaging pandas Pillow protobuf psutil pyarrow pydantic pytest python-dateutil PyYAML redis
    regex requests rich scikit-learn scipy setuptools simplejson SQLAlchemy sympy tqdm urllib3 xxhash
"""
PACKAGES = NAMES.split()


def main(pythons: list[str]) -> None:
    """Examine the packages with each of these Pythons, and write the page."""
    found = {}
    for python in pythons:
        version, findings = examine(python)
        found[version] = {finding["name"]: finding for finding in findings}
        for finding in findings:
            print(version, finding["name"], finding["version"], "loads" if finding["loads"] else finding["reason"])
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", encoding="utf-8")


def examine(python: str) -> tuple[str, list[dict[str, Any]]]:
    """Install the packages for one Python, and run `subpool doctor` there; the version of Python, and the findings."""
    with tempfile.TemporaryDirectory() as folder:
        uv("venv", "--quiet", "--python", python, folder)
        own = Path(folder, "bin", "python")
        for package in PACKAGES:
            try:
                uv("pip", "install", "--quiet", "--only-binary", ":all:", "--python", str(own), package)
            except subprocess.CalledProcessError:
                print(f"{package} has no wheel for {python}", file=sys.stderr)
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": ""}
        command = [str(own), "-m", "subpool", "doctor", "--json", *PACKAGES]
        output(command, environment)  # byte-code is written now, so that compiling is not measured below
        version = output([str(own), "-c", "import platform; print(platform.python_version())"], environment).strip()
        return version, json.loads(output(command, environment))


def uv(*arguments: str) -> None:
    """Run uv."""
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)


def output(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints, whatever its exit status: 1 says that some packages do not load."""
    return subprocess.run(command, env=environment, cwd="/", stdout=subprocess.PIPE, text=True, check=False).stdout


def table(found: dict[str, dict[str, dict[str, Any]]]) -> str:
    """A Markdown table: one row a package, one column a Python, and the measures of the last one."""
    latest = list(found)[-1]
    rows = [
        ["package", "version", *found, "seconds", "MB", "why"],
        ["---", "---", *("---" for _ in found), "---:", "---:", "---"],
    ]
    for package in sorted(PACKAGES, key=str.lower):
        each = [findings[package] for findings in found.values()]
        last = found[latest][package]
        installed = last["module"] is not None
        rows.append(
            [
                package,
                " / ".join(dict.fromkeys(finding["version"] or "–" for finding in each)),
                *(verdict(finding) for finding in each),
                f"{last['seconds']:.2f}" if installed and last["seconds"] is not None else "",
                f"{last['megabytes']:.1f}" if installed and last["megabytes"] is not None else "",
                why(each),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def verdict(finding: dict[str, Any]) -> str:
    """One cell."""
    if finding["module"] is None:
        return "no wheel"
    if not finding["loads"]:
        return "no"
    return "yes (without C)" if finding["fallbacks"] else "yes"


def why(findings: list[dict[str, Any]]) -> str:
    """What is to blame, with any of the Pythons, or what is done without."""
    blamed = [finding["blamed"] for finding in findings if finding["blamed"]]
    other = [finding["reason"] for finding in findings if not finding["loads"] and finding["module"]]
    fallbacks = [extension for finding in findings for extension in finding["fallbacks"]]
    if blamed:
        return f"`{blamed[-1]}` refuses"
    if other:
        return other[-1].replace("|", "/")
    return f"instead of {', '.join(f'`{each}`' for each in dict.fromkeys(fallbacks))}" if fallbacks else ""


if __name__ == "__main__":
    main(sys.argv[1:] or [sys.executable])
