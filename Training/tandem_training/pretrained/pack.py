"""Data for a machine without a network, in parts that can be carried one at a time.

A part is a stretch of one stream: for every file a JSON line {"path", "bytes"} and then its bytes. Parts are cut anywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path


def stream(files: list[tuple[str, Path | bytes]]) -> Iterator[bytes]:
    for name, source in files:
        content = source if isinstance(source, bytes) else source.read_bytes()
        yield json.dumps({"path": name, "bytes": len(content)}).encode() + b"\n"
        yield content


def chosen(manifest: Path, splits: set[str], folder: str) -> list[tuple[str, Path | bytes]]:
    """A manifest's recordings of some splits, and the manifest with only their lines."""
    lines = manifest.read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    kept = [line for line in lines[1:] if "split" not in columns or line.split("\t")[columns.index("split")] in splits]
    files: list[tuple[str, Path | bytes]] = [(f"{folder}/manifest.tsv", "\n".join([lines[0], *kept, ""]).encode())]
    place = columns.index("path")
    return files + [(f"{folder}/{line.split(chr(9))[place]}", manifest.parent / line.split("\t")[place]) for line in kept]


def pack(files: list[tuple[str, Path | bytes]], out: Path, most: int) -> int:
    """Writes `part.00` and so on of at most `most` bytes; returns their number."""
    out.mkdir(parents=True, exist_ok=True)
    number, room, file = 0, most, open(out / "part.00", "wb")
    for piece in stream(files):
        while piece:
            if room == 0:
                file.close()
                number, room = number + 1, most
                file = open(out / f"part.{number:02}", "wb")
            file.write(piece[:room])
            piece, room = piece[room:], room - min(room, len(piece))
    file.close()
    return number + 1


def unpack(parts: Path, out: Path) -> int:
    """Writes the files of a folder of parts; returns their number. Refuses paths that lead out of the folder."""
    class Stream:
        def __init__(self) -> None:
            self.paths, self.file = sorted(parts.glob("part.*")), None

        def read(self, count: int) -> bytes:
            got = b""
            while len(got) < count:
                if self.file is None:
                    if not self.paths:
                        return got
                    self.file = open(self.paths.pop(0), "rb")
                more = self.file.read(count - len(got))
                if not more:
                    self.file.close()
                    self.file = None
                got += more
            return got

        def line(self) -> bytes:
            got = b""
            while not got.endswith(b"\n"):
                byte = self.read(1)
                if not byte:
                    return got
                got += byte
            return got

    source, count = Stream(), 0
    while line := source.line():
        head = json.loads(line)
        path = (out / head["path"]).resolve()
        if not path.is_relative_to(out.resolve()):
            raise ValueError(f"the parts name {head['path']!r}, which is outside {out}")
        path.parent.mkdir(parents=True, exist_ok=True)
        content = source.read(head["bytes"])
        if len(content) != head["bytes"]:
            raise ValueError(f"{parts}: ends inside {head['path']}; a part is missing")
        path.write_bytes(content)
        count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tandem_training.pretrained.pack")
    parser.add_argument("--unpack", type=Path, help="a folder of parts; without it, parts are written")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--speech", type=Path, help="manifest of speech: its splits train and dev travel")
    parser.add_argument("--noise", type=Path, help="manifest of noise")
    parser.add_argument("--file", action="append", default=[], metavar="NAME=PATH", help="a further file, repeatable")
    parser.add_argument("--most", type=int, default=60 << 20, help="bytes a part")
    options = parser.parse_args()
    if options.unpack:
        print(f"{unpack(options.unpack, options.out)} files")
        return 0
    files: list[tuple[str, Path | bytes]] = []
    if options.speech:
        files += chosen(options.speech, {"train", "dev"}, "speech")
    if options.noise:
        files += chosen(options.noise, set(), "noise")
    for item in options.file:
        name, path = item.split("=", 1)
        files.append((name, Path(path)))
    print(f"{pack(files, options.out, options.most)} parts, {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
