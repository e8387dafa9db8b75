"""A board that jobs are timed on, over SSH: reached, supplied, locked, and asked for one job after the other."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from effmod_bench.fleet.address import Address
from effmod_bench.fleet.afar import Afar, changed, now
from effmod_bench.fleet.conversation import TICK_S, Conversation, RefusedError
from effmod_bench.fleet.errors import BoardError, LineCutError, without_names
from effmod_bench.fleet.messages import Errand, Ready
from effmod_bench.fleet.messages import Watched as Answer
from effmod_bench.fleet.parcel import job_there, parcel
from effmod_bench.fleet.ssh import Line
from effmod_bench.fleet.supply import supply
from effmod_bench.instrument.clock import monotonic_s, wait_until
from effmod_bench.instrument.place import WHAT
from effmod_bench.instrument.process.messages import Job, PairJob, Warm
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import Watched
from results import Environment

# Seconds before each try to reach a board again that was there before: it may have been started anew.
AGAIN_S = (1.0, 10.0, 60.0)


class Board(Afar):
    """A `Place` on another machine. Nobody else measures there from `open` to `close`.

    Args:
        token: tells what this command started there from what others did.
        wait: for whoever measures there now.
        say: told what the user should hear, about which board.
    """

    def __init__(self, address: Address, *, token: str, wait: bool, say: Callable[[str], None]) -> None:
        super().__init__(address.name)
        self.address = address
        self._names = (address.host, address.user)
        self._token, self._wait, self._say = token, wait, say
        self._line: Line | None = None
        self._talk: Conversation | None = None
        self._ready: Ready | None = None
        self._closed = False

    @property
    def ready(self) -> Ready | None:
        return self._ready

    @property
    def turn(self) -> str:
        return f"{self.address.host.casefold()}:{self.address.port or ''}"

    def open(self) -> None:
        """Reach it, bring it what it lacks, and wait until nobody else measures there; `lost` where that fails."""
        try:
            self._open()
        except BoardError as error:
            self._lose(error)
        except LineCutError:
            self._lose(BoardError(f"{self._why_cut()} before anything could be timed"))

    def close(self) -> None:
        """Leave it; what is being timed there ends."""
        self._closed = True
        self._hang_up()

    def placed(self, environment: Environment) -> Environment:
        return msgspec.structs.replace(environment, place=self.name)

    def cleaned(self, text: str) -> str:
        return without_names(text, self._names)

    def time(
        self,
        job: Job | PairJob,
        subjects: Sequence[Subject],
        *,
        on_warm: Callable[[Warm], None],  # noqa: ARG002 - while the clock runs nothing is said
        tick: Callable[[float], None],
        timeout_s: float | None,
    ) -> Watched[Any]:
        """As `Place.time`. Where the line is cut, that is an attempt that failed; the next one makes another line."""
        began = now()
        if reason := changed(subjects):
            return self.failed(job, reason, again=False, began=began)
        try:
            talk = self._talking()
            parcels = [parcel(subject) for subject in subjects]
            sent, folders = job_there(job, subjects, [(files, talk.bring(files)) for files in parcels])
            began = now()
            talk.send(Errand(job=sent, folders=folders, timeout_s=timeout_s))
            return self.at_home(talk.hear(Answer, tick), began)
        except LineCutError:
            self._check_open()
            reason = f"{self._why_cut()} during the {WHAT[type(job)]}"
            self._hang_up()
            self._tell(reason)
            return self.failed(job, reason, again=True, began=began)
        except BoardError as error:
            self._check_open()
            self._lose(error)
            return self.failed(job, error.reason, again=False, began=began)
        except RefusedError as error:
            return self.failed(job, error.refused.reason, again=error.refused.again, began=began)

    def _lose(self, error: BoardError) -> None:
        self.lost = self.cleaned(error.reason)
        self._hang_up()
        if not self._closed:
            self._tell(str(error))

    def _tell(self, text: str) -> None:
        self._say(f"{self.name}: {text}")

    def _why_cut(self) -> str:
        if self._line is None or self._talk is None or self._line.is_cut:
            return "the connection to the board was cut"
        return f"what times on the board ended ({self._talk.why_it_ended()})"

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = self._talk = None

    def _talking(self) -> Conversation:
        """The conversation, begun again where it was cut.

        Raises:
            BoardError: the board cannot be reached any more.
        """
        last: BoardError | LineCutError | None = None
        for pause_s in AGAIN_S:
            if self._talk is not None:
                return self._talk
            self._sleep(pause_s)
            try:
                self._open()
            except (BoardError, LineCutError) as error:
                last = error
                self._hang_up()
        if self._talk is not None:
            return self._talk
        reason = last.reason if isinstance(last, BoardError) else "the connection is cut again and again"
        raise BoardError(f"the board was lost: {reason}") from last

    def _sleep(self, seconds: float) -> None:
        end_s = monotonic_s() + seconds
        while not self._closed and monotonic_s() < end_s:
            wait_until(min(end_s, monotonic_s() + TICK_S))
        self._check_open()

    def _check_open(self) -> None:
        """Another thread may have closed it.

        Raises:
            KeyboardInterrupt: it has.
        """
        if self._closed:
            self._hang_up()
            raise KeyboardInterrupt

    def _open(self) -> None:
        self._line = Line(self.address)
        self._check_open()
        python = supply(self._line, self._tell)
        self._check_open()
        command = (*outpost(python), self._token, "wait" if self._wait else "now", self.name)
        talk = self._talk = Conversation(self._line.start("exec " + shlex.join(command)), self._tell)
        try:
            ready = talk.hear(Ready)
        except RefusedError as error:
            raise BoardError(error.refused.reason) from error
        if self._ready is not None and ready.machine.stable != self._ready.machine.stable:
            raise BoardError("it is another machine now, or has other software, than when the run began")
        self._ready = ready


def outpost(python: str) -> tuple[str, ...]:
    """The program that times on a board, by this Python there."""
    return python, "-I", "-m", "effmod_bench.fleet.outpost"
