"""What the tests of several rooms share."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PICTURES = Path(__file__).parent / "gallery" / "pictures"


def load_package(folder: Path) -> ModuleType:
    """Import a package of test helpers by its path: the folders of tests are no packages."""
    name = f"reid_gallery_tests_{folder.name}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(autouse=True, scope="session")
def cache_home(tmp_path_factory) -> Iterator[None]:
    """The graphs of models that tests make are not for the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def malformed() -> ModuleType:
    """The helpers in ``tests/gallery/pictures/malformed``."""
    return load_package(PICTURES / "malformed")


@pytest.fixture(scope="session")
def malformed_pictures(malformed):
    """``malformed_pictures(folder) -> dict[str, OddPicture]``: unusual and malformed files.

    Each ``OddPicture`` has ``path``, ``decodes`` (enrolled or listed as failed), and ``shows``.
    """
    return malformed.write_malformed_pictures
