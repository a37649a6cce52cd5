import random

import numpy
import pytest
import torch

# Two pytest workers share two cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
