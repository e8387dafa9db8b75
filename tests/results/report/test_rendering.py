from results.report.rendering import joined, render


def test_what_a_template_gave_is_html_and_all_else_is_text() -> None:
    inner = render("commands.html", commands=["effmod bench '<x>'"])
    assert "&lt;x&gt;" in inner
    whole = joined([inner, "<i>"])
    assert whole
    assert inner in whole
    assert "&lt;i&gt;" in whole
    assert joined([]) is None
