"""`requirements.lock` pins what `pyproject.toml` asks for, with digests, and names no place to fetch it from."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.experiments import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^([\w.-]+)==(\S+)(.*(?:\n    .*)*)", LOCK, re.MULTILINE)


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    pinned: dict[str, set[str]] = {}
    for name, version, _ in ENTRIES:
        pinned.setdefault(canonicalize_name(name), set()).add(version)
    asked = [*PROJECT["dependencies"], *(line for lines in PROJECT["optional-dependencies"].values() for line in lines)]
    wanted = [Requirement(line) for line in asked]
    for requirement in wanted:
        if requirement.name == PROJECT["name"]:
            continue
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert any(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"


def test_every_pin_has_digests_and_no_address() -> None:
    assert len(ENTRIES) > 50
    assert all("--hash=sha256:" in rest for _, _, rest in ENTRIES)
    assert "://" not in LOCK
