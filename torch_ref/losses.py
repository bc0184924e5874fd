"""torch's own regression losses."""

from torch.nn import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from torch.nn.functional import huber_loss, l1_loss, mse_loss, smooth_l1_loss

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss", "huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]
