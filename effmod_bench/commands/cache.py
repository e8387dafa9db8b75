"""`effmod cache`: artifacts that were exported before."""

import msgspec

from effmod_bench.screen.console import Console


class CacheInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Say where the cache is, and how much is in it."""

    def run(self, console: Console) -> None:
        from exporters import cache_info

        info = cache_info()
        console.print(f"{info.path}: {info.artifacts} artifacts, {info.size_bytes / 1e6:.1f} MB")


class CacheClear(msgspec.Struct, frozen=True, kw_only=True):
    """Delete every cached artifact."""

    def run(self, console: Console) -> None:
        from exporters import clear_cache

        info = clear_cache()
        console.print(f"{info.path}: deleted {info.artifacts} artifacts, {info.size_bytes / 1e6:.1f} MB")
