from effmod_bench.instrument.profilers.openvino_graph import Node, Origin, Source, around, join
from results import Joined

SOURCE = Source(
    values={"image": ("image",), "conv/bare": ("c",), "conv": ("c",), "relu": ("r",), "mvn": ("n",)},
    reads={"conv/bare": frozenset({"image"}), "relu": frozenset({"conv"}), "mvn": frozenset({"relu"})},
    macs={"conv/bare": 100},
    depthwise=frozenset(),
)


def test_operators_are_found_by_what_they_were_made_of_and_copies_by_what_they_copy() -> None:
    nodes = (
        Node(name="image", kind="Input", made_of=("image",)),
        Node(name="image_conv", kind="Reorder", before=("image",)),
        Node(name="k", kind="Const", made_of=("k",), is_constant=True),
        Node(name="conv", kind="Convolution", before=("image_conv", "k"), made_of=("conv/bare", "conv", "relu")),
        Node(name="conv_mvn", kind="Reorder", before=("conv",)),
        Node(name="mean", kind="Reduce", before=("conv_mvn",), made_of=("made up",)),
        Node(name="mvn", kind="MVN", before=("mean",), made_of=("mvn",)),
        Node(name="mystery", kind="Add", before=("conv", "mvn"), made_of=("made up",)),
        Node(name="alone", kind="Reorder"),
    )
    found = join(nodes, SOURCE)
    assert found["conv"] == Origin(
        origins=("c",), joined=Joined.VALUE, made_of=("conv/bare", "conv", "relu")
    )  # not of the activation, which does not multiply
    assert found["image_conv"] == Origin(origins=("c",), joined=Joined.NAME)  # made for it; an input is no module's
    assert found["conv_mvn"] == Origin(origins=("c",), joined=Joined.VALUE)
    # It stands between the norm and what the norm had read in the file, so it was made of the norm.
    assert found["mean"] == Origin(origins=("n",), joined=Joined.VALUE)
    assert found["mystery"] == Origin(origins=("c", "n"), joined=Joined.NEIGHBOURS)
    assert found["alone"] == Origin()
    assert around(nodes, found)["mean"] == ("c", "n")  # of the copy before it, and of the norm


def test_a_product_that_is_not_named_is_of_the_sum_that_gives_the_value() -> None:
    source = Source(
        values={"fc/bare": ("f",), "fc": ("f",)},
        reads={"fc": frozenset({"fc/bare", "flat"}), "fc/bare": frozenset({"flat"})},
        macs={"fc/bare": 7},
        depthwise=frozenset(),
    )
    found = join((Node(name="fc", kind="FullyConnected", made_of=("fc",)),), source)
    assert found["fc"] == Origin(origins=("f",), joined=Joined.VALUE, made_of=("fc/bare", "fc"))
    assert source.macs_of(found["fc"].made_of) == 7


def test_multiply_adds_are_of_all_that_an_operator_was_made_of() -> None:
    assert SOURCE.macs_of(("conv/bare", "conv", "made up")) == 100
    assert not SOURCE.has_depthwise(("conv/bare",))
