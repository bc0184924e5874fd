"""torch's own sampling at the points of a grid."""

from torch.nn.functional import affine_grid, grid_sample

__all__ = ["affine_grid", "grid_sample"]
