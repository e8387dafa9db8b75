"""Rows that are made for networks of timm."""

import pytest
import timm

import models
from models import UnknownModelError


class TestTimmTargets:
    def test_any_network_of_timm_has_a_row_made_for_it(self) -> None:
        row = models.find_model("timm:resnet10t")
        params = sum(p.numel() for p in timm.create_model("resnet10t").parameters())
        assert (row.name, row.factory, row.params) == ("timm:resnet10t", "timm:resnet10t", params)
        assert row.image_size == 176  # timm's own for these weights
        assert row.macs == models.count(models.create_model("timm:resnet10t"), 176).macs
        assert models.family(row).licence == "Apache-2.0"

    def test_it_is_counted_at_the_size_asked_for(self) -> None:
        row = models.find_model("timm:resnet10t", image_size=352)
        assert row.image_size == 352
        assert row.macs / models.find_model("timm:resnet10t").macs == pytest.approx(4, rel=0.05)

    def test_an_unknown_network_of_timm_gets_the_three_nearest(self) -> None:
        with pytest.raises(UnknownModelError, match=r"timm .* has no network 'resnet10'; did you mean 'timm:") as error:
            models.create_model("timm:resnet10")
        assert str(error.value).count("'timm:") == 3
