"""What makes figures doubtful: each warning once, with its advice, and the networks that it is of."""

from results.report.rendering import render
from results.report.report import Report


def section(report: Report) -> str | None:
    """None where there are no warnings."""
    found = []
    for warning, advice in report.advice.items():
        of = {each.key: each.label for each in report.measured if warning in each.measurement.warnings}
        pairs = [
            f"{each.label} beside {each.comparison.baseline.name}"
            for store in report.stores
            for each in store.compared
            if warning in each.comparison.warnings
        ]
        if of or pairs:
            found.append((str(warning), advice[0].upper() + advice[1:], of, list(dict.fromkeys(pairs))))
    return render("warnings.html", warnings=found) if found else None
