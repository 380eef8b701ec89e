"""Every locked package is hashed, and stands in the bill of materials and the licence list."""

from __future__ import annotations

import re
from pathlib import Path

from bench.sbom import DATA, MODELS, Package, bill, licence_list, read

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
LOCKED = read(LOCK)
# Licences that a hotline under Apache-2.0 may use as a library; LGPL: python-telegram-bot, used unchanged.
_KNOWN = {"MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "PSF-2.0", "MPL-2.0", "LGPL-3.0-only", "Zlib", "CC0-1.0"}


def test_the_lock_is_read_whole() -> None:
    lines = [line for line in LOCK.read_text("utf-8").splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(LOCKED) == len(lines) > 50
    assert sum(len(package.hashes) for package in LOCKED) == LOCK.read_text("utf-8").count("--hash=sha256:")
    assert all(package.hashes for package in LOCKED)


def test_every_dependency_of_the_project_is_locked() -> None:
    import tomllib

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {package.name for package in LOCKED}
    assert {re.split(r"[><=\[;]", line)[0] for line in wanted} <= names


def test_every_locked_package_is_in_the_bill_with_all_its_hashes() -> None:
    made = bill(LOCKED)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    components = {component["purl"]: component for component in made["components"] if component["type"] == "library"}
    assert len(components) == len(LOCKED)
    for package in LOCKED:
        component = components[package.purl]
        assert {part["hashes"][0]["content"] for part in component["externalReferences"]} == set(package.hashes)
        assert component["licenses"]
    assert made == bill(LOCKED), "the same lock gives the same bill"


def test_every_model_is_in_the_bill_and_ours_with_their_hash() -> None:
    models = {component["name"]: component for component in bill(LOCKED)["components"] if component["type"] == "machine-learning-model"}
    assert set(models) == {name for name, *_ in MODELS}
    shipped = {path.name.partition("-")[0].partition(".")[0] for path in (ROOT / "bot/matching/model").glob("*.npz")}
    named = {Path(place).name.partition("-")[0].partition(".")[0] for *_, place in MODELS if place.endswith(".npz")}
    assert shipped == named, "weights that no bill names"
    for _, _, licence, _, place in MODELS:
        assert licence in _KNOWN
        assert place.startswith("package ") or list(ROOT.glob(place))
    assert all(models[name].get("hashes") for name, _, _, _, place in MODELS if place.endswith(".npz"))


def test_data_of_others_names_its_licence_in_the_bill_the_list_and_its_own_head() -> None:
    components = {component["name"]: component for component in bill(LOCKED)["components"] if component["type"] == "data"}
    listed = (ROOT / "docs/licences.md").read_text("utf-8")
    for name, version, licence, _, place in DATA:
        head = "".join((ROOT / place).read_text("utf-8").splitlines(keepends=True)[:6])
        assert components[name]["licenses"] == [{"license": {"id": licence}}]
        assert components[name]["hashes"]
        assert f"| {name} | {version} | {licence} |" in listed, "run: make sbom"
        assert licence.replace("CC-BY-SA-", "CC BY-SA ") in head


def test_every_locked_package_is_in_the_licence_list() -> None:
    listed = (ROOT / "docs/licences.md").read_text("utf-8")
    missing = [p.name for p in LOCKED if f"| {p.name} | {p.version} |" not in listed]
    assert not missing, "run: make sbom"
    assert licence_list(LOCKED).count("\n") == listed.count("\n"), "run: make sbom"


def test_every_licence_is_known_and_may_be_used() -> None:
    strange = {p.name: p.licence for p in LOCKED if not set(re.split(r" (?:AND|OR) ", p.licence)) <= _KNOWN}
    assert not strange


def test_an_entry_with_a_marker(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(f"Some-Thing==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\nother==2\n", "utf-8")
    assert read(lock) == [Package("some-thing", "1.0", "sys_platform == 'win32'", ("a" * 64, "b" * 64)), Package("other", "2")]
    assert read(lock)[0].licence == "unknown"
