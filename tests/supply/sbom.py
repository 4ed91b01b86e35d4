"""`python -m supply.sbom` writes dist/hubbub.cdx.json: a bill of materials, in CycloneDX 1.6.

Knows: that format. Does not know what there is; `parts` does. Needs no network.
"""

import sys
import tomllib
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from supply.parts import ROOT, Part, packages, vendored

OUTPUT: Final = ROOT / "dist" / "hubbub.cdx.json"


def bill() -> str:
    """Give the bill, as JSON."""
    licences = LicenseFactory()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    bom = Bom()
    root = Component(
        name="hubbub",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="hubbub",
        licenses=[licences.make_from_string("MIT")],
        purl=PackageURL("pypi", None, "hubbub", version),
    )
    bom.metadata.component = root
    parts = [_component(part, licences) for part in (*packages(), *vendored())]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(root, parts)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def _component(part: Part, licences: LicenseFactory) -> Component:
    return Component(
        name=part.name,
        version=part.version or None,
        type=ComponentType.LIBRARY,
        scope=ComponentScope.REQUIRED,
        bom_ref=part.purl,
        purl=PackageURL.from_string(part.purl),
        licenses=[licences.make_from_string(part.licence)] if part.licence else [],
        properties=[
            Property(name=f"hubbub:file:{path}", value=f"sha256:{digest}") for path, digest in part.digests.items()
        ],
    )


def write(output: Path = OUTPUT) -> None:
    """Write the bill there."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(bill() + "\n", "utf-8")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{OUTPUT.relative_to(ROOT)} is written.\n")
