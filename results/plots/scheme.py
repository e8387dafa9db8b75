"""Who looks like what in a picture of accuracy, what stands beside a point, and what in the legend."""

from collections.abc import Mapping, Sequence

import msgspec

from results.colours import BLACK, VERMILLION
from results.plots.families import family_of, is_efficientmod, size_of
from results.plots.front import pareto_front
from results.plots.legend import Entry
from results.plots.spots import Spot
from results.plots.style import FRONT, GREY, MARKERS, OWN, Look, Page, looks

_SHORTEN = 16  # of so many, those in a column have the family in the legend, and beside the point its size


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """Where all were timed in one way, colours and markers tell families apart; else the ways.

    Attributes:
        by_setting: where there are several.
        is_short: names beside points are sizes alone, and families stand in the legend.
    """

    by_setting: Mapping[str, Look]
    by_family: Mapping[str, Look]
    is_short: bool

    @property
    def is_one(self) -> bool:
        """Whether all were timed in one way."""
        return not self.by_setting

    def look(self, spot: Spot) -> Look:
        if not self.is_one:
            found = self.by_setting[spot.setting]
            return Look(found.colour, OWN.marker) if spot.accuracy is None else found
        return OWN if spot.accuracy is None else self.by_family[family_of(spot.name)]

    def text(self, spot: Spot) -> str:
        """What stands beside its point."""
        remarks = ", ".join(filter(None, (spot.size, spot.whose)))
        return (size_of(spot.name) if self.is_short else spot.name) + (f" ({remarks})" if remarks else "")


def scheme_of(spots: Sequence[Spot], page: Page) -> Scheme:
    """The scheme of a picture that holds these."""
    settings = list(dict.fromkeys(spot.setting for spot in spots))
    families = list(dict.fromkeys(family_of(spot.name) for spot in spots))
    own = list(dict.fromkeys(family_of(spot.name) for spot in spots if spot.is_own))
    strong = [family for family in families if is_efficientmod(family) and family not in own]
    plain = [family for family in families if family not in own and family not in strong]
    by_family = dict(zip(plain, looks(len(plain)), strict=True))
    by_family |= {name: Look(BLACK, MARKERS[i % len(MARKERS)]) for i, name in enumerate(own)}
    by_family |= {name: Look(VERMILLION, MARKERS[i % len(MARKERS)]) for i, name in enumerate(strong)}
    return Scheme(
        by_setting=dict(zip(settings, looks(len(settings)), strict=True)) if len(settings) > 1 else {},
        by_family=by_family,
        is_short=page.is_narrow and len(settings) == 1 and len({spot.name for spot in spots}) > _SHORTEN,
    )


def legend_of(spots: Sequence[Spot], scheme: Scheme, page: Page) -> list[Entry]:
    """What each look means: ways of timing or families, and then what is the same in every picture."""
    by_hand = {spot.setting for spot in spots if spot.by_hand}
    entries = [
        Entry(text=words, look=look, marker=look.marker, line="-", is_hollow=words in by_hand)
        for words, look in scheme.by_setting.items()
    ]
    if scheme.is_short:
        entries += [
            Entry(text=family, look=look, marker=look.marker, line="-", is_bold=is_efficientmod(family))
            for family, look in scheme.by_family.items()
            if any(family_of(spot.name) == family and spot.accuracy is not None for spot in spots)
        ]
    grey = Look(GREY, "o")
    if any(len(_front(spots, *each)) > 1 for each in dict.fromkeys((spot.setting, spot.measure) for spot in spots)):
        entries.append(Entry(text="Pareto front", look=Look(FRONT, ""), line="-", line_width=2.5))
    if any(spot.low < spot.high for spot in spots):
        words = "range of rounds" if page.is_narrow else "median, and range of the rounds' medians"
        entries.append(Entry(text=words, look=grey, marker="|", line="-"))
    if by_hand and scheme.is_one:
        entries.append(Entry(text="entered by hand", look=grey, marker="o", is_hollow=True))
    if any(spot.accuracy is None for spot in spots):
        entries.append(Entry(text="accuracy unknown", look=OWN, marker=OWN.marker))
    return entries


def _front(spots: Sequence[Spot], setting: str, measure: str) -> list[int]:
    competing = [spot for spot in spots if (spot.setting, spot.measure) == (setting, measure)]
    return pareto_front([(spot.x, spot.accuracy) for spot in competing if spot.accuracy is not None])
