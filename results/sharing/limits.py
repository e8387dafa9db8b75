"""How much of a stranger's zip is read at most, and so the most that effmod packs itself."""

MOST_ENTRIES = 65_535
"""More need a zip of another kind (zip64), as do more than 2 GiB, and those are not read: their lists may be of any
size."""
DIRECTORY_BYTES = 32 << 20
"""Of the list of its files, at the end of a zip, which is read before anything can be checked."""
RECORD_BYTES = 64 << 20
"""As of a record in a folder."""
RECORDS_BYTES = 1 << 30
"""Of all records together, unpacked."""
FILES_BYTES = 3 << 29
"""Of all other files together, unpacked: weights pack to hardly less, and all of the zip is to be below 2 GiB."""
MOST_RATIO = 200
"""Of what is unpacked to what lies in the zip, where it is more than `ALWAYS_BYTES`: times of runs pack to a tenth."""
ALWAYS_BYTES = 16 << 20
LONGEST_NAME = 200
