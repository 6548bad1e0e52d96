"""List and read the files of a folder, a zip or a tar archive, without unpacking anything to disk."""

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, Self
from zipfile import ZipFile, ZipInfo

from edgeprune.errors import EdgepruneError

LARGEST_FILE = 1 << 28  # bytes; an image is smaller, so a larger member is a mistake or an attack
LARGEST_JSON = 1 << 30  # that of COCO's training images has 450 MB
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_REMEDY_LINK = "pack the archive again with plain files (tar: --dereference --hard-dereference)"


Names = tuple[str, ...]


class Tree(Protocol):
    """Files in folders. Hidden ones are left out."""

    path: Path

    def list(self) -> tuple[set[Names], set[Names]]:
        """The files and the folders, by their names from the root on."""

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        """The contents of the files in ``wanted``."""

    def name(self, names: Names) -> str:
        """What messages call a file or folder."""


def open_tree(path: str | Path, key: str | None = None) -> Tree:
    """Return the tree of files at ``path``.

    Nothing of an archive is ever written to disk, so its member names cannot reach outside; suspicious ones are
    refused all the same.

    Raises:
        EdgepruneError: there is nothing at ``path``, or it is neither a folder nor an archive.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return FolderTree(path)
        with open(path, "rb") as stream:
            start = stream.read(4)
    except OSError as error:
        problem = (
            "there is no such file or folder" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        )
        raise EdgepruneError(problem, file=path, key=key, remedy="correct the path or its permissions") from error
    return ZipTree(path) if start[:2] == b"PK" else TarTree(path)


class Together:
    """Several trees as one, such as the archives that a data set comes in."""

    def __init__(self, path: Path, trees: Sequence[Tree]) -> None:
        self.path, self._trees = path, trees
        self._found = [tree.list() for tree in trees]

    def list(self) -> tuple[set[Names], set[Names]]:
        files, folders = zip(*self._found)
        return set().union(*files), set().union(*folders)

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        for tree, (files, _) in zip(self._trees, self._found):
            if here := files & set(wanted):
                yield from tree.read(here)

    def name(self, names: Names) -> str:
        return next(
            (t.name(names) for t, (files, _) in zip(self._trees, self._found) if names in files), str(self.path)
        )


class FolderTree:
    """A folder on disk; links in it are followed, it is the user's own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def list(self) -> tuple[set[Names], set[Names]]:
        files, folders = set(), set()

        def stop(error: OSError) -> None:
            remedy = "make the folder readable"
            raise EdgepruneError(f"cannot be read: {error.strerror}", file=error.filename, remedy=remedy) from error

        seen = set()
        for where, below, names in os.walk(self.path, onerror=stop, followlinks=True):
            real = os.path.realpath(where)
            if real in seen and where != str(self.path):
                raise EdgepruneError("a folder is reached twice, by a link", file=where, remedy="remove the link")
            seen.add(real)
            below[:] = [name for name in below if not _hidden((name,))]
            parts = Path(where).relative_to(self.path).parts
            folders.update((*parts, name) for name in below)
            files.update((*parts, name) for name in names if not _hidden((name,)))
        return files, folders

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        for names in sorted(wanted):
            path = self.path.joinpath(*names)
            try:
                if path.stat().st_size > _largest(path.name):
                    raise _too_large(path, None)
                yield names, path.read_bytes()
            except OSError as error:
                raise EdgepruneError(f"cannot be read: {error.strerror}", file=path, remedy="check the file") from error

    def name(self, names: Names) -> str:
        return str(self.path.joinpath(*names))


class _Archive:
    """What zip and tar have in common."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def name(self, names: Names) -> str:
        return f"{self.path}!{'/'.join(names)}"

    def _parts(self, member: str) -> Names:
        """Return a member's names; empty for the archive's own root."""
        name = PurePosixPath(member)
        if name.is_absolute() or ".." in name.parts:
            remedy = "get the archive from a source you trust"
            raise EdgepruneError(f"member {member!r} points out of the archive", file=self.path, remedy=remedy)
        return name.parts

    def _broken(self, error: Exception | str) -> EdgepruneError:
        problem = f"is corrupt or truncated ({error or type(error).__name__})"
        return EdgepruneError(problem, file=self.path, remedy="delete it and get or pack it again")


class ZipTree(_Archive):
    """A zip archive."""

    _ERRORS = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)

    def list(self) -> tuple[set[Names], set[Names]]:
        files, folders = set(), set()
        with self._open() as archive:
            for names, info in self._members(archive):
                (folders if info.is_dir() else files).add(names)
        return files, folders

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        with self._open() as archive:
            for names, info in self._members(archive):
                if names in wanted and not info.is_dir():
                    if info.file_size > _largest(names[-1]):
                        raise _too_large(self.path, info.filename)
                    yield names, self._content(archive, info)

    def _open(self) -> ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except self._ERRORS as error:
            raise self._broken(error) from error

    def _content(self, archive: ZipFile, info: ZipInfo) -> bytes:
        import zlib

        try:
            return archive.read(info)
        except (*self._ERRORS, zlib.error) as error:
            if info.flag_bits & 1:
                problem = f"member {info.filename!r} is encrypted"
                raise EdgepruneError(problem, file=self.path, remedy="pack it without a password") from error
            raise self._broken(error) from error

    def _members(self, archive: ZipFile) -> Iterator[tuple[Names, ZipInfo]]:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                problem = f"member {info.filename!r} is a link or a device"
                raise EdgepruneError(problem, file=self.path, remedy=_REMEDY_LINK)
            names = self._parts(info.filename.replace("\\", "/"))  # some Windows programs pack with backslashes
            if names and not _hidden(names):
                yield names, info


class TarTree(_Archive):
    """A tar archive, plain or compressed by gzip, bzip2 or xz; read from front to back."""

    def list(self) -> tuple[set[Names], set[Names]]:
        files, folders = set(), set()
        for names, member, _ in self._members():
            (folders if member.isdir() else files).add(names)
        return files, folders

    def read(self, wanted: Collection[Names]) -> Iterator[tuple[Names, bytes]]:
        for names, member, content in self._members():
            if names in wanted and member.isreg():
                if member.size > _largest(names[-1]):
                    raise _too_large(self.path, member.name)
                yield names, content()

    def _members(self) -> Iterator[tuple[Names, tarfile.TarInfo, Callable[[], bytes]]]:
        import lzma
        import zlib

        errors = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error, ValueError)
        try:
            archive = tarfile.open(self.path, "r:*", tarinfo=_Header)  # noqa: SIM115, closed below
        except errors as error:
            known = "known are .zip, .tar, .tar.gz, .tar.bz2 and .tar.xz"
            problem = f"is not an archive, or is corrupt or truncated ({known})"
            raise EdgepruneError(problem, file=self.path, remedy="delete it and get or pack it again") from error
        with archive:
            while True:
                try:
                    member = archive.next()
                except errors as error:
                    raise self._broken(error) from error
                if member is None:
                    break
                # tarfile keeps every header it has seen; two passes need none of them
                archive.members = []  # pyrefly: ignore[missing-attribute]
                if not (member.isreg() or member.isdir()):
                    problem = f"member {member.name!r} is a link or a device"
                    raise EdgepruneError(problem, file=self.path, remedy=_REMEDY_LINK)
                names = self._parts(member.name)
                if names and not _hidden(names):
                    yield names, member, lambda member=member: self._content(archive, member, errors)
            stream: Any = archive.fileobj
            try:
                while stream.read(1 << 20):  # to the very end: the decompressor checks its own sum there
                    pass
            except errors as error:
                raise self._broken(error) from error

    def _content(self, archive: tarfile.TarFile, member: tarfile.TarInfo, errors: tuple[type[Exception], ...]) -> bytes:
        try:
            stream = archive.extractfile(member)
            content = stream.read() if stream else b""
        except errors as error:
            raise self._broken(error) from error
        if len(content) != member.size:
            raise self._broken(f"member {member.name!r} is cut short")
        return content


class _Header(tarfile.TarInfo):
    """A tar header that refuses any end but the block of zeros that closes an archive.

    tarfile itself takes a missing, cut or damaged header after the first for the end, and so loses files silently.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:  # pyrefly: ignore[bad-override-param-name]
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # pyrefly: ignore[missing-attribute]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset} of the unpacked archive") from error


def _hidden(names: Names) -> bool:
    """True for what file managers and version control leave behind, such as ``.DS_Store`` and ``__MACOSX``."""
    return any(name.startswith(".") or name == "__MACOSX" for name in names)


def _largest(name: str) -> int:
    return LARGEST_JSON if name.endswith(".json") else LARGEST_FILE


def _too_large(path: Path, member: str | None) -> EdgepruneError:
    largest = _largest(member or path.name) >> 20
    problem = f"{f'member {member!r}' if member else 'file'} is larger than {largest} MiB"
    return EdgepruneError(problem, file=path, remedy="remove it, or make the image smaller")
