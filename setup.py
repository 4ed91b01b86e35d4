"""The compiled module, and how a wheel without it is made; everything else about the package is in pyproject.toml.

Where there is no compiler the module is left out, and the same in Python runs (hubbub/native/pure.py). With
HUBBUB_PURE=1 it is not even tried, and the wheel says that it fits any machine.
"""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("src/hubbub/native")
NAMES = ("module", "outlet", "request", "frames", "event", "whispers", "rate", "opening", "meter")

native = Extension(
    "hubbub.native._native",
    sources=[str(NATIVE / f"{name}.c") for name in NAMES],
    depends=[str(NATIVE / "native.h")],
    # -g0: what is for debuggers names the folder that it was built in.
    extra_compile_args=["-O3", "-g0", "-Wall", "-Wextra", "-Wno-missing-field-initializers"],
    optional=True,
)


class Build(build_ext):
    """Builds the module without a word of where this machine keeps its Python, which the linker would put in."""

    def build_extensions(self) -> None:
        """Build it."""
        linker = getattr(self.compiler, "linker_so", None)  # not every compiler has one
        if linker is not None:
            self.compiler.linker_so = [part for part in linker if not part.startswith("-Wl,-rpath")]
        super().build_extensions()


setup(ext_modules=[] if os.environ.get("HUBBUB_PURE") == "1" else [native], cmdclass={"build_ext": Build})
