"""The instrument: it times files in processes of their own, knows no command, and prints nothing."""

import models  # noqa: F401 - which tells runtimes not to report home, before one of them is imported
