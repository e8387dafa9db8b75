"""One round: a fresh process that loads one artifact and times it, or two in turn, or profiles one.

It reads a `Job`, a `PairJob` or a `ProfileJob`, one line, from standard input, and ends when that input does. It
writes messages, one JSON a line, to standard output. Native code that prints does so to standard error: the first
thing done here is to move it there.
"""

import os
import sys
import threading
import traceback

import msgspec

from effmod_bench.instrument.process.messages import Broken, Job, Message, PairJob, ProfileJob, Warm
from effmod_bench.instrument.process.pair import run_pair
from effmod_bench.instrument.process.parent import die_with_parent, wait_for_end
from effmod_bench.instrument.process.profiled import run_profile
from effmod_bench.instrument.process.single import run
from effmod_bench.packages import explain


def main() -> None:
    die_with_parent()  # a round that nobody waits for would disturb the next one
    with os.fdopen(os.dup(1), "wb", buffering=0) as channel:
        os.dup2(2, 1)
        job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job | PairJob | ProfileJob)
        threading.Thread(target=wait_for_end, args=(sys.stdin.buffer,), daemon=True).start()

        def send(message: Message) -> None:
            channel.write(msgspec.json.encode(message) + b"\n")

        try:
            if isinstance(job, PairJob):
                send(run_pair(job, on_warm=lambda expected_ns: send(Warm(expected_ns=expected_ns))))
            elif isinstance(job, ProfileJob):
                send(run_profile(job, on_warm=lambda expected_ns: send(Warm(expected_ns=expected_ns))))
            else:
                run(job, send)
        except Exception as error:  # whatever an artifact makes the runtime raise is the row's reason
            reason = explain(error) or f"{type(error).__name__}: {error}".strip()
            send(Broken(reason=reason, detail=traceback.format_exc()))


if __name__ == "__main__":
    main()
