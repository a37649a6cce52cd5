import pytest

from tests.data.datasets.epic_kitchen.kitchen import make_kitchen


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_kitchen(tmp_path_factory.mktemp("kitchen"))
