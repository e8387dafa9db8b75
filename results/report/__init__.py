"""One page of what stores hold: a file that needs no network. Jinja2 and plotly are imported when it is made."""
