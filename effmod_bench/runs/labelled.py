"""A file, open, and the labelled images that it is tried on; what that leaves behind."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.instrument.clock import utc_now
from effmod_bench.isolation.messages import Reporter
from effmod_bench.screen.console import Console
from effmod_bench.targets.accuracies import identify, record_of
from exporters import Accuracy, ExportConfig, artifact_sha256
from exporters.artifact.files import keep_accuracy
from models import Preprocessing
from results import AccuracyOf, Store

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

    from exporters.artifact.evaluator import Evaluator
    from exporters.proof.accuracy import Classified


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was tried on labelled images.

    Attributes:
        accuracies: by precision, its own last.
        is_random: it holds random weights, to which no accuracy belongs.
    """

    path: Path
    of: AccuracyOf
    accuracies: tuple[Accuracy, ...]
    is_random: bool


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A file, open, and labelled images prepared for it."""

    path: Path
    artifact: "Evaluator"
    config: ExportConfig
    preprocessing: Preprocessing
    images: "ImageFolder"
    is_random: bool

    def classify(self, reporter: Reporter, *, skip_corrupt: bool) -> "Classified":
        """What the file takes the images for.

        Raises:
            As `exporters.proof.accuracy.classify`.
        """
        from exporters.proof.accuracy import classify, skipped_in_words

        if self.is_random:
            reporter.warn(
                f"{self.path.name} has random weights: its accuracy says nothing of the network, and is kept nowhere"
            )
        found = classify(
            self.artifact,
            self.images,
            self.preprocessing,
            batch_size=self.config.batch_size,
            labels=getattr(self.config, "labels", None),
            skip_corrupt=skip_corrupt,
            progress=functools.partial(reporter.track, what="classifying"),
        )
        if found.skipped:
            reporter.warn(f"of the images in {self.images.root} {skipped_in_words(found.skipped)}")
        if found.in_order:
            reporter.note(
                f"the folders of {self.images.root} are classes in timm's order, in which 2 comes before 10; a network "
                "that torchvision's ImageFolder numbered the classes for has 10 before 2: give its labels as names"
            )
        return found

    def tried(self, found: "Classified") -> Tried:
        """How often it is right."""
        sha256, now = artifact_sha256(self.path), utc_now().isoformat(timespec="milliseconds")
        return Tried(
            path=self.path,
            of=identify(self.path, sha256, image_size=self.config.image_size),
            accuracies=tuple(
                msgspec.structs.replace(found.accuracy(precision), measured_at=now)
                for precision in self.artifact.precisions
            ),
            is_random=self.is_random,
        )


def keep_accuracies(console: Console, tried: Sequence[Tried], store: Store | None) -> None:
    """Put accuracies into the files' sidecars, and into a store where there is one; none of random weights.

    Raises:
        OutputError: a sidecar cannot be written.
        StoreError: the store cannot be.
    """
    for each in tried:
        if each.is_random:
            continue
        if store is not None:
            store.keep(record_of(each.of, each.accuracies))
            console.note(f"{each.path.name}: its accuracy is kept in {store.path}, for every table of its latency")
        if not keep_accuracy(each.path, each.of.sha256, each.accuracies) and store is None:
            console.note(f"{each.path.name} has no sidecar to keep its accuracy in; --store FOLDER keeps it")
