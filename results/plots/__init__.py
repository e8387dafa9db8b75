"""Pictures of measurements, a file each. Each function returns a figure; matplotlib is imported when one is drawn."""

from results.plots.distributions import distribution
from results.plots.picture import PlotError, save
from results.plots.sweeps import sweep
from results.plots.tradeoffs import tradeoff

__all__ = ["PlotError", "distribution", "save", "sweep", "tradeoff"]
