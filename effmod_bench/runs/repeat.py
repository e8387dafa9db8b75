"""`effmod reproduce ./STORE`: somebody's figures, measured again and set beside those that are here now."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError, describe, exit_code
from effmod_bench.instrument.available import check_installed
from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.options.places import Elsewhere
from effmod_bench.runs.claims import Asked, CannotMakeError, Claim, ask, read_claims, together
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.measure import measure, measure_pairs
from effmod_bench.runs.plan import RunPlan
from effmod_bench.runs.prepare import prepared
from effmod_bench.runs.reproduce import Claimed, Means, Reproduction, Step
from effmod_bench.runs.resume import check_folder
from effmod_bench.runs.supplied import Supplied
from effmod_bench.runs.theirs import check_apart, digest, opened
from effmod_bench.runs.where import HERE, check_places, leave, reach, with_places
from effmod_bench.screen.console import Console
from effmod_bench.screen.repeated import names_of, print_repeated
from effmod_bench.screen.reproductions import SINGLE, NotMeasured, not_measured_table
from effmod_bench.targets.names import is_file
from exporters import public_name
from models.zoo.spec import is_function
from results import Comparison, Measurement, RuntimeOptions, compare, summarise
from results.frame import read_contents
from results.statistics.conditions import Figure, artifact_of
from results.statistics.reproduced import Again, Reproduced, not_measured, reproduced
from results.statistics.timed import TimedPair, TimedRound
from results.tables.reproduced import reproduced_table
from results.tables.table import Table
from results.tables.words import on_place
from results.tables.write import OutputFormat

_Each = tuple[str, RuntimeOptions]
"""A target, and how it is run."""


def new_repetition(
    console: Console,
    name: str,
    store: Path,
    supplied: Supplied,
    *,
    select: Sequence[str],
    margin: float,
    quick: bool,
    elsewhere: Elsewhere = HERE,
) -> Reproduction:
    """What measuring somebody's figures again comes to; nothing is made or measured, and nothing of theirs is run.

    Args:
        name: of their store, as the user gave it.
        elsewhere: where they are measured again, each figure at each place, or on the board of its name.

    Raises:
        StoreError: their store cannot be read, is refused, or holds no measurements.
        TargetError: it is the user's own; or the pattern matches nothing; or there are no such places.
        DeviceUnavailableError: what reaches these places is not installed, or a cluster cannot be reached, or
            has nothing that can measure any of them.
    """
    path = Path(name)
    check_apart(path, store)
    sha256 = digest(path)
    with opened(console, path) as theirs:
        claims = read_claims(theirs, select, say=console.note)
    if elsewhere.accelerator is None:  # or nothing is asked of a cluster before it measures
        reach(elsewhere, console.note)
    asked, refused, lacking = list[Asked](), dict[int, str](), list[DeviceUnavailableError]()
    for number, claim in enumerate(claims):
        try:
            one = ask(number, claim, supplied, quick=quick)
            find_targets(one.run)
            run = with_places(one.run, elsewhere, console.note)
            check_places(run, elsewhere)
            asked.append(msgspec.structs.replace(one, run=_at_its_name(run, claim, elsewhere)))
        except Exception as error:  # a record may ask for anything: what is wrong with it is its row's reason
            if not isinstance(error, CannotMakeError) and exit_code(error) is ExitCode.BUG:
                raise
            refused[number] = describe(error)
            lacking += [error] if isinstance(error, DeviceUnavailableError) else []
    if elsewhere.on is not None and lacking and not asked:
        raise lacking[0]
    own, groups = new_run_id(), together(asked)
    whole = f"{own}-reproduction"
    return Reproduction(
        id=whole,
        started_at=utc_now().isoformat(timespec="milliseconds"),
        asked=(name,),
        suites=(),
        steps=tuple(
            Step(suite=0, run=msgspec.structs.replace(run, id=f"{own}-{number:02}", reproduction=whole))
            for number, (run, _) in enumerate(groups)
        ),
        claimed=Claimed(
            path=str(path.absolute()),
            sha256=sha256,
            select=tuple(select),
            margin=margin,
            asked=tuple({each.claim: each.target for each in group} for _, group in groups),
            refused=refused,
        ),
    )


def _at_its_name(run: RunPlan, claim: Claim, elsewhere: Elsewhere) -> RunPlan:
    """A figure of a board is for the board of its name alone, where there is one.

    Nodes are drawn, whatever they are called; and boards that are to have the same versions are all looked at.
    """
    place = claim.figure.place
    if place is None or place not in run.places or run.drawn is not None or elsewhere.same_versions:
        return run
    return msgspec.structs.replace(run, places=(place,))


def blank_repetition(reproduction: Reproduction) -> Table[Reproduced]:
    """The table that it ends with, without rows."""
    return reproduced_table((), margin=_claimed(reproduction).margin)


def print_refused(console: Console, reproduction: Reproduction, output_format: OutputFormat) -> None:
    """Say what cannot be measured here."""
    claimed = _claimed(reproduction)
    if claimed.refused and output_format in SINGLE:
        console.note(f"{len(claimed.refused)} figures cannot be measured here; without --output-format it says why")
    elif claimed.refused:
        figures = [claim.figure for claim in _claims_of(claimed)]
        names = [on_place(name, each.place) for name, each in zip(names_of(figures), figures, strict=True)]
        rows = [NotMeasured(what=names[n], why=why) for n, why in claimed.refused.items()]
        console.table(not_measured_table(rows), output_format)


class Repeating:
    """Carries it out."""

    def __init__(self, reproduction: Reproduction, means: Means) -> None:
        self._reproduction, self._means, self._claimed = reproduction, means, _claimed(reproduction)
        self._console, self._store, self._output_format = means.console, means.store, means.output_format
        self._reasons = dict(self._claimed.refused)
        self._lacks_device = False
        self._interrupted = False

    def carry_out(self) -> ExitCode:
        """Measure what is missing, and say of every figure whether it is the same.

        Raises:
            StoreError: a store cannot be read, or written.
            TargetError: theirs is no longer what it was; or it began elsewhere, and nobody says where.
        """
        claims = _claims_of(self._claimed)
        places = dict.fromkeys(place for step in self._reproduction.steps for place in step.run.places)
        for step in self._reproduction.steps:
            check_places(msgspec.structs.replace(step.run, places=tuple(places)), self._means.elsewhere, some=True)
        self._store.check_writable()
        reach(self._means.elsewhere, self._console.note)
        if self._reproduction.id not in {each.id for each in self._store.read_kind(Reproduction)}:
            self._store.write(self._reproduction)
        begun = {run.id: run for run in self._store.read_kind(RunPlan)}
        try:
            for step, asked in zip(self._reproduction.steps, self._claimed.asked, strict=True):
                if not self._interrupted:
                    self._take(step.run, begun.get(step.run.id), claims, asked)
        finally:
            leave(self._means.elsewhere)
            rows = self._rows(claims)
            again = self._reproduction.resume_command(self._store.path) + self._means.elsewhere.again
            print_repeated(self._console, rows, self._output_format, margin=self._claimed.margin)
            self._console.note(f"Records in {self._store.path}; the table again: {again}")
        if self._interrupted:
            return ExitCode.INTERRUPTED
        return self._code(rows)

    def _take(self, run: RunPlan, stored: RunPlan | None, claims: Sequence[Claim], asked: dict[int, str]) -> None:
        """One run, or what is missing of it; what of it cannot be made is a row with its reason."""
        try:
            usable = self._usable(run, stored, {n: (target, claims[n].figure.options) for n, target in asked.items()})
            if not usable:
                return
            to_do = stored or run.with_each(usable)
            invocation = self._means.invocation(to_do, resumed=stored is not None)
            if stored is not None:
                check_folder(stored, self._store)
            with prepared(self._console, invocation) as ready:
                if run.compared is not None:
                    code = measure_pairs(self._console, invocation, ready, self._output_format, shown=False)
                else:
                    code = measure(self._console, invocation, ready, self._output_format, table_of=None)
            self._interrupted = code is ExitCode.INTERRUPTED
        except Exception as error:
            if exit_code(error) in (ExitCode.BUG, ExitCode.STORE):
                raise
            self._lacks_device |= isinstance(error, DeviceUnavailableError)
            for claim in asked:
                self._reasons.setdefault(claim, describe(error))

    def _usable(self, run: RunPlan, stored: RunPlan | None, asked: dict[int, _Each]) -> tuple[_Each, ...]:
        """The targets of a run that can be made here, each made now where the cache lacks it, and how each is run."""
        with measuring_alone(wait=self._means.wait, on_wait=self._console.note):
            reasons = dict(self._failing(run))
        lacking = [each for each in run.each if stored and each not in stored.each]
        reasons |= {each: "it could not be made when this began; begin anew" for each in lacking if each not in reasons}
        if run.compared is not None and run.each[0] in reasons:
            reasons |= dict.fromkeys(run.each, reasons[run.each[0]])
        for claim, each in asked.items():
            if each in reasons:
                self._reasons.setdefault(claim, reasons[each])
        usable = tuple(each for each in run.each if each not in reasons)
        return usable if run.compared is None or len(usable) > 1 else ()

    def _failing(self, run: RunPlan) -> Iterator[tuple[_Each, str]]:
        """What cannot be made or run, and why: one that fails stops no other."""
        for target, options in run.each:
            alone = msgspec.structs.replace(run.run_by(options), targets=(target,), anchor=None, artifacts=())
            try:
                if self._means.elsewhere.on is None:  # what other machines have, these say themselves
                    check_installed(run.plan.device, options)
                for found in find_targets(alone).targets:
                    found.subject(self._console)
            except Exception as error:
                if exit_code(error) in (ExitCode.BUG, ExitCode.STORE):
                    raise
                self._lacks_device |= isinstance(error, DeviceUnavailableError)
                yield (target, options), describe(error)

    def _rows(self, claims: Sequence[Claim]) -> list[Reproduced]:
        """Each of their figures beside ours; elsewhere beside that of each place."""
        contents = read_contents(self._store)
        # Earlier pairs tell how ratios differ by run; other rounds of a file would be pooled with these.
        measured = {
            step.run.id: summarise([each for each in contents.rounds if each.run_id == step.run.id], contents.pairs)
            for step in self._reproduction.steps
        }
        pairs = compare(contents.pairs)
        steps = {claim: step for step, asked in enumerate(self._claimed.asked) for claim in asked}
        rows = []
        for number, claim in enumerate(claims):
            theirs = claim.figure
            reason = self._reasons.get(number)
            if reason is not None:
                rows.append(not_measured(theirs, reason))
                continue
            run, asked = self._reproduction.steps[steps[number]].run, self._claimed.asked[steps[number]]
            own = _of_run(pairs if isinstance(theirs, Comparison) else measured[run.id], theirs, run.id, asked[number])
            others = {
                claims[n].figure.place
                for n, target in asked.items()
                if target == asked[number] and claims[n].figure.options == theirs.options
            }
            left = _left(run, own, [*contents.rounds, *contents.pairs])
            rows += [self._row(theirs, own, place) for place in _places(run, theirs, own, others) if place not in left]
        return rows

    def _row(self, theirs: Figure, own: Sequence[Figure], place: str | None) -> Reproduced:
        """A figure beside ours of one place."""
        ours = _latest(own, theirs, place)
        if ours is not None and (isinstance(ours, Comparison) or ours.latency is not None):
            return reproduced(theirs, ours, margin=self._claimed.margin)
        failures = ours.failures if ours is not None else ()
        return not_measured(theirs, "; ".join(dict.fromkeys(failures)) or "it was not measured yet", place=place)

    def _code(self, rows: Sequence[Reproduced]) -> ExitCode:
        """A figure that is another one, or of which too little is known, before one that could not be measured."""
        verdicts = {row.verdict for row in rows}
        if verdicts & {Again.DIFFERS, Again.UNDECIDED}:
            return ExitCode.CHECK_FAILED
        if verdicts == {Again.NOT_MEASURED} and self._lacks_device:
            return ExitCode.UNAVAILABLE
        return ExitCode.SOME_FAILED if Again.NOT_MEASURED in verdicts else ExitCode.OK


def _of_run(own: Sequence[Figure], theirs: Figure, run_id: str, target: str) -> list[Figure]:
    """What a run of ours found of a target, by its file or by its name."""
    found: list[Figure] = []
    for figure in own:
        if isinstance(figure, Comparison):
            if figure.run_id == run_id and not figure.control and figure.options == theirs.options:
                found.append(figure)
        elif run_id in figure.run_ids and isinstance(theirs, Measurement) and figure.options == theirs.options:
            found.append(figure)
    mine = artifact_of(theirs)
    name = Path(target).name if is_file(target) else public_name(target) if is_function(target) else target
    return [
        figure
        for figure in found
        if artifact_of(figure).sha256 == mine.sha256 or artifact_of(figure).name in (name, mine.name)
    ]


def _places(run: RunPlan, theirs: Figure, own: Sequence[Figure], others: Set[str | None]) -> list[str | None]:
    """Where a figure is to be seen again: at all places, and where another node took up what one left, at that, too.

    Where one has its name: there, and at those that have the name of no other.

    Args:
        others: where theirs of the same were.
    """
    if not run.places:
        return [None]
    every = dict.fromkeys((*run.places, *(figure.place for figure in own)))
    if theirs.place not in run.places:
        return list(every)
    return [theirs.place, *(place for place in every if place != theirs.place and place not in others)]


def _left(run: RunPlan, own: Sequence[Figure], timed: Sequence[TimedRound | TimedPair]) -> set[str]:
    """The places that were lost before they did anything for a figure, all of which others did instead."""
    there = {figure.place for figure in own}
    environments = [each.environment for each in timed if each.run_id == run.id]
    return {each.instead_of for each in environments if each.instead_of and each.place in there} - there


def _latest(own: Sequence[Figure], theirs: Figure, place: str | None) -> Figure | None:
    """Ours of a place: of the same file first, and of what was resumed in another environment the latest."""
    there = [figure for figure in own if figure.place == place]
    same = [figure for figure in there if artifact_of(figure).sha256 == artifact_of(theirs).sha256]
    latest = same or there
    return latest[-1] if latest else None


def _claimed(reproduction: Reproduction) -> Claimed:
    assert reproduction.claimed is not None
    return reproduction.claimed


def _claims_of(claimed: Claimed) -> list[Claim]:
    """Their figures, read again.

    Raises:
        StoreError: the store cannot be read.
        TargetError: it is not what it was.
    """
    path = Path(claimed.path)
    if digest(path) != claimed.sha256:
        raise TargetError(f"{path} is not what it was when this began; begin anew, without --resume")
    with opened(Console(-1), path) as theirs:  # what is damaged was said when it began
        return read_claims(theirs, claimed.select)
