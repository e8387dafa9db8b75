"""Two artifacts over the same images."""

import numpy as np
import numpy.typing as npt

from exporters.config import ComputePrecision
from exporters.errors import ImageFolderError
from exporters.proof.accuracy import Classified, Indices
from exporters.proof.chance import Paired, mcnemar, tango


def pair(first: tuple[Classified, ComputePrecision], second: tuple[Classified, ComputePrecision]) -> Paired:
    """Set what two artifacts take the images of one folder for side by side; an image that one skipped counts not.

    Raises:
        ImageFolderError: no image is left.
    """
    _, mine, theirs = np.intersect1d(first[0].places, second[0].places, return_indices=True)
    if not len(mine):
        raise ImageFolderError(
            "no image was classified by both files: each skipped what the other could read; look at the images that "
            "were named, and leave --skip-corrupt out"
        )
    own, other = first[0].right(first[1])[mine], second[0].right(second[1])[theirs]
    images, only_first, only_second = len(own), int((own & ~other).sum()), int((~own & other).sum())
    low, high = tango(only_first, only_second, images)
    return Paired(
        images=images,
        both=int((own & other).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~own & ~other).sum()),
        same=int((_by_folder(*first)[mine] == _by_folder(*second)[theirs]).sum()),
        difference=100 * (only_first - only_second) / images,
        interval=(100 * low, 100 * high),
        p_value=mcnemar(only_first, only_second),
    )


def _by_folder(found: Classified, precision: ComputePrecision) -> Indices:
    """The first class of each image as the folder that it is, (N,): two artifacts may number classes differently.

    A class that is no folder stays what it is, below zero.
    """
    first: npt.NDArray[np.int64] = found.first_five[precision][:, 0]
    folder = {int(number): i for i, number in enumerate(found.of_class)}
    return np.array([folder.get(int(number), -1 - int(number)) for number in first])
