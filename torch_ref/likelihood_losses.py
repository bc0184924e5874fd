"""torch's own losses that compare distributions."""

from torch.nn import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from torch.nn.functional import gaussian_nll_loss, kl_div, poisson_nll_loss

__all__ = ["GaussianNLLLoss", "KLDivLoss", "PoissonNLLLoss", "gaussian_nll_loss", "kl_div", "poisson_nll_loss"]
