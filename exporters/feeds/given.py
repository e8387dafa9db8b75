"""What a user says is fed, and what that comes to for the inputs of a file."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from exporters.errors import FeedError
from exporters.feeds.tensors import Tensor, channels_last
from exporters.feeds.words import ARCHIVE, IMAGES, is_file


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a user says is fed.

    Attributes:
        feed: NAME=WORDS each.
        source: an .npz with a value for each input, or a folder of such or of images, which are taken in turn.
    """

    feed: tuple[str, ...] = ()
    source: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.feed) or self.source is not None

    def options(self) -> Iterator[str]:
        """As they are written on the command line."""
        for feed in self.feed:
            yield from ("--feed", feed)
        if self.source is not None:
            yield from ("--feeds", str(self.source))

    def files(self) -> Iterator[Path]:
        """What it names of files and folders."""
        yield from (Path(words) for _, _, words in (feed.partition("=") for feed in self.feed) if is_file(words))
        if self.source is not None:
            yield self.source


NOTHING_GIVEN = Given()


def resolve(given: Given, tensors: Sequence[Tensor], target: Path) -> dict[str, tuple[str, ...]]:
    """What a user says is fed to a file's inputs, by name; files by their whole paths.

    Args:
        target: the file.

    Raises:
        FeedError: a name is none of the file's inputs, or given twice, or missing; or a file or folder cannot be used.
    """
    names = [tensor.name for tensor in tensors]
    found: dict[str, tuple[str, ...]] = {}
    for text in given.feed:
        name, equals, words = text.partition("=")
        if not equals or not words:
            example = names[0] if names else "x"
            raise FeedError(f"--feed {text}: write NAME=VALUE, as in --feed {example}=1")
        _check_name(name, names, target, f"--feed {text}")
        if name in found:
            raise FeedError(f"--feed {text}: input {name!r} is fed already; give it once")
        found[name] = (str(Path(words).absolute()) if is_file(words) else words,)
    if given.source is not None:
        found |= _from_files(_files(given.source), [x for x in tensors if x.name not in found], found, names, target)
    return found


def _check_name(name: str, names: Sequence[str], target: Path, where: str) -> None:
    if name not in names:
        raise FeedError(f"{where}: {target} has no input {name!r}; it has {', '.join(map(repr, names)) or 'none'}")


def _files(source: Path) -> list[Path]:
    """The files of which each is fed in its turn, by name.

    Raises:
        FeedError: there is none, or they are of several kinds.
    """
    if not source.is_dir():
        if source.suffix.lower() != ARCHIVE or not source.is_file():
            missing = "" if source.exists() else ", and it is not there"
            raise FeedError(f"--feeds {source}: give an .npz file, or a folder of such or of images{missing}")
        return [source.absolute()]
    try:
        files = sorted(file for file in source.absolute().iterdir() if file.suffix.lower() in (ARCHIVE, *IMAGES))
    except OSError as error:
        raise FeedError(f"--feeds {source}: it cannot be read: {error.strerror}") from error
    if not files:
        raise FeedError(f"--feeds {source}: it holds no .npz file and no image ({', '.join(IMAGES)})")
    if len({file.suffix.lower() == ARCHIVE for file in files}) > 1:
        raise FeedError(f"--feeds {source}: it holds .npz files and images; keep them in folders of their own")
    return files


def _from_files(
    files: Sequence[Path], tensors: Sequence[Tensor], given: dict[str, tuple[str, ...]], names: list[str], target: Path
) -> dict[str, tuple[str, ...]]:
    """What files say of the inputs that nothing was given for yet."""
    paths = tuple(map(str, files))
    if files[0].suffix.lower() != ARCHIVE:
        takers = [tensor.name for tensor in tensors if channels_last(tensor) is not None]
        if len(takers) != 1:
            raise FeedError(
                f"{files[0].parent} holds images, and {target} has {len(takers)} inputs that take some; feed it an "
                ".npz, or all but one with --feed"
            )
        return {takers[0]: paths}
    for file in files:
        held = _names_in(file)
        for name in held:
            _check_name(name, names, target, str(file))
            if name in given:
                raise FeedError(f"{file} holds input {name!r}, and --feed gives it, too; leave one out")
        for tensor in tensors:
            if tensor.name not in held:
                raise FeedError(
                    f"{file} holds nothing for input {tensor.name!r}; add it, or --feed {tensor.name}=VALUE"
                )
    return {tensor.name: paths for tensor in tensors}


def _names_in(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise FeedError(f"{archive} is no .npz file that can be read: {error}") from error
