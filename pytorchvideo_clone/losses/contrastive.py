"""Contrastive losses: find the other view of the same clip among many.

Features are scaled to length 1 here; similarities are their inner products over a temperature.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["info_nce", "info_nce_in_batch", "nt_xent", "similarity_loss"]


def info_nce(
    query: Tensor,
    positive: Tensor,
    negatives: Tensor,
    temperature: float,
    valid: Tensor | None = None,
) -> Tensor:
    """Tell each query's own key from given other keys.

    Args:
        query: (B, D).
        positive: (B, D), the own keys.
        negatives: (N, D) for all queries, or (B, N, D), others for each.
        temperature: above 0.
        valid: (N,) or (B, N), bool: the negatives that count; default all.

    Returns:
        A scalar, the mean over the queries.

    Raises:
        ValueError: if `temperature` is not above 0.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding",
    2018, https://arxiv.org/abs/1807.03748, eq. 4.

    >>> views = torch.eye(2)
    >>> info_nce(views, views, -views, temperature=1.0)  # log(1 + e^-1 + e^-2)
    tensor(0.4076)
    """
    _check_temperature(temperature)
    query, positive = F.normalize(query, dim=-1), F.normalize(positive, dim=-1)
    negatives = F.normalize(negatives, dim=-1)
    own = (query * positive).sum(dim=-1, keepdim=True)
    if negatives.dim() == 2:
        others = query @ negatives.T
    else:
        others = torch.einsum("bd,bnd->bn", query, negatives)
    if valid is not None:
        others = others.masked_fill(~valid, -torch.inf)
    logits = torch.cat([own, others], dim=1) / temperature
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def info_nce_in_batch(query: Tensor, keys: Tensor, temperature: float, first: int = 0) -> Tensor:
    """Tell each query's own key from the keys of the other queries.

    Args:
        query: (B, D).
        keys: (N, D); row `first + i` is the own key of query i.
        temperature: above 0.
        first: above 0 where the keys are those of several processes.

    Returns:
        A scalar, the mean over the queries.

    Raises:
        ValueError: if `temperature` is not above 0.

    Source: Chen et al., "An Empirical Study of Training Self-Supervised Vision Transformers",
    ICCV 2021, https://arxiv.org/abs/2104.02057, eq. 1.

    >>> views = torch.eye(2)
    >>> info_nce_in_batch(views, views, temperature=1.0)  # log(1 + e^-1)
    tensor(0.3133)
    """
    _check_temperature(temperature)
    logits = F.normalize(query, dim=-1) @ F.normalize(keys, dim=-1).T / temperature
    return F.cross_entropy(logits, first + torch.arange(len(query), device=query.device))


def nt_xent(x1: Tensor, x2: Tensor, temperature: float) -> Tensor:
    """Tell each view's other view from all other views of the batch, both ways.

    Args:
        x1: (B, D), one view of each clip.
        x2: (B, D), another.
        temperature: above 0.

    Returns:
        A scalar, the mean over the 2 B views.

    Raises:
        ValueError: if `temperature` is not above 0.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
    ICML 2020, https://arxiv.org/abs/2002.05709, eq. 1.

    >>> views = torch.eye(2)
    >>> nt_xent(views, views, temperature=1.0)  # log(1 + 2 e^-1)
    tensor(0.5514)
    """
    _check_temperature(temperature)
    views = F.normalize(torch.cat([x1, x2]), dim=-1)
    logits = views @ views.T / temperature
    number = torch.arange(len(views), device=views.device)
    # A view is not among its own candidates.
    logits = logits.masked_fill(number == number[:, None], -torch.inf)
    return F.cross_entropy(logits, number.roll(len(x1)))


def similarity_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Give the negative cosine similarity, -1 where both point the same way.

    Args:
        prediction: (B, D).
        target: (B, D).

    Returns:
        A scalar, the mean over the rows.

    Source: Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020,
    https://arxiv.org/abs/2006.07733, eq. 2, of which it is (loss - 2) / 2.

    >>> similarity_loss(torch.eye(2), torch.eye(2))
    tensor(-1.)
    """
    return -F.cosine_similarity(prediction, target, dim=-1).mean()


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a number above 0.")
