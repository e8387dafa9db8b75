"""`effmod compare` from its options to its table: two artifacts timed in turn in one process, again and again."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.benchmark import Benchmark, naming_run
from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.subject import Subject
from effmod_bench.resuming import Command, RunPlan, check_same, records_of, say_missing
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from results import Comparison, ComparisonPlan, ComparisonProcess, Store, TimedArtifact, compare
from results.statistics.estimate import is_slower
from results.tables.words import counted, difference_in_words, labels, percent
from results.tables.write import OutputFormat


class Comparing(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod compare` to do.

    Attributes:
        benchmark: which artifacts, on what; its own runs and rounds are not used.
        fail_if_slower: by how much a target may be slower than the first, as a share; None for any.
    """

    benchmark: Benchmark
    plan: ComparisonPlan
    fail_if_slower: float | None

    @classmethod
    def resume(cls, run_id: str | None, store: Path, *, wait: bool, round_timeout_s: float | None) -> "Comparing":
        """What is missing or failed in a comparison of the store; None for the latest.

        Raises:
            As `Benchmark.resume`.
        """
        benchmark = Benchmark.resume(run_id, store, wait=wait, round_timeout_s=round_timeout_s, command=Command.COMPARE)
        run = benchmark.asked()
        assert run.compared
        return cls(benchmark=benchmark, plan=run.compared, fail_if_slower=run.fail_if_slower)

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """Export what is missing, compare, and print the table; what is finished is printed whatever happens.

        Raises:
            TargetError: there is nothing to compare with.
            As `Benchmark.run`.
        """
        run = msgspec.structs.replace(self.benchmark.asked(), compared=self.plan, fail_if_slower=self.fail_if_slower)
        with self.benchmark.prepared(console, run, check=self._check_several) as (store, subjects, _):
            return self._compare(console, output_format, run, store, subjects)

    def _check_several(self, names: Sequence[str]) -> None:
        if len(names) < 2 and not self.plan.control:
            raise TargetError(
                f"{names[0]} alone is nothing to compare: name a second target that is another file, or give --control "
                "to compare it with itself"
            )

    def _compare(
        self, console: Console, output_format: OutputFormat, run: RunPlan, store: Store, subjects: Sequence[Subject]
    ) -> ExitCode:
        from effmod_bench.instrument.machine.machine import read_machine

        plan = self._begin(run, store, [subject.artifact for subject in subjects])
        records: list[ComparisonProcess] = []
        if self.benchmark.resumed:
            records = records_of(run, store, ComparisonProcess)
            left = pair_runner.missing(plan, len(subjects), records)
            say_missing(console, run, plan.targets, [counted(left, "process", "processes")] if left else [])
        code = ExitCode.OK
        try:
            with console.progress("comparing", unit="process") as progress:
                pair_runner.run(
                    run.id,
                    plan,
                    subjects,
                    read_machine(),
                    store,
                    progress,
                    on_record=records.append,
                    earlier=tuple(records),
                    timeout_s=self.benchmark.round_timeout_s,
                )
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            # It may have come between a record's storing and its telling.
            records = records_of(run, store, ComparisonProcess)
            console.warn("interrupted" + (": the table holds what was finished" if records else ""))
        finally:
            comparisons = compare(records)
            if records:
                print_comparisons(console, comparisons, output_format)
                again = shlex.join(
                    ["effmod", "show", str(store.path), "--only", "comparisons", *naming_run(store, run.id)]
                )
                console.note(f"Records in {store.path}; the table again: {again}")
        too_slow = self._say_too_slow(console, comparisons)
        if code is ExitCode.OK and any(comparison.failures for comparison in comparisons):
            code = ExitCode.SOME_FAILED
        if code is not ExitCode.OK:
            console.note(f"what is missing or failed, again: {run.resume_command(store.path)}")
        # That a target is too slow is certain, whatever failed besides.
        return ExitCode.CHECK_FAILED if too_slow and code is not ExitCode.INTERRUPTED else code

    def _begin(self, run: RunPlan, store: Store, artifacts: Sequence[TimedArtifact]) -> ComparisonPlan:
        """The plan by the names of what is compared; the run is stored with it before anything is measured."""
        if run.artifacts:
            check_same(run, artifacts)
            return self.plan
        plan = msgspec.structs.replace(self.plan, targets=tuple(artifact.name for artifact in artifacts))
        store.write(msgspec.structs.replace(run, artifacts=tuple(artifacts), compared=plan), again=True)
        return plan

    def _say_too_slow(self, console: Console, comparisons: Sequence[Comparison]) -> bool:
        limit = self.fail_if_slower
        if limit is None:
            return False
        found = [
            comparison
            for comparison in comparisons
            if not comparison.control and is_slower(comparison.estimate, comparison.verdict, limit)
        ]
        for comparison in found:
            candidate, baseline = labels([comparison.candidate, comparison.baseline])
            console.error(
                f"{candidate} is {difference_in_words(comparison)} than {baseline}; "
                f"--fail-if-slower allows {percent(limit)}"
            )
        return bool(found)
