"""DVC's remotes for real, on loopback: results pushed, pulled into a fresh clone, and nothing to be done there."""

import os
import shutil
import subprocess
import sys

import pytest

from helpers import sshserver
from test_foreign_workflow import EXAMPLE, SUMMARY, Repository

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A repository whose results are on record, with no remote."""
    repository = Repository(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("recorded") / "origin"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DVC_STAGE", raising=False)
        repository.run("git", "init", "--quiet")
        repository.dvc("init", "--quiet")
        (repository.root / ".gitignore").write_text(".snakemake/\n")
        repository.snakemake()
        repository.commit()
    return repository


@pytest.fixture
def clones(recorded, tmp_path):
    """Two clones: one with the results in its cache, one with nothing."""
    made = [Repository(tmp_path / name) for name in ("full", "fresh")]
    for clone in made:
        recorded.run("git", "clone", "--quiet", ".", str(clone.root))
    shutil.copytree(recorded.root / ".dvc/cache", made[0].root / ".dvc/cache")
    return made


def add_remote(clones, url, **options):
    for clone in clones:
        clone.dvc("remote", "add", "--local", "--default", "mine", url)
        for name, value in options.items():
            clone.dvc("remote", "modify", "--local", "mine", name, value)


def travels(full, fresh):
    full.dvc("push")
    fresh.dvc("pull")
    assert (fresh.root / SUMMARY).exists()
    assert "Nothing to be done" in fresh.snakemake("-n")
    assert "up to date" in fresh.dvc("status")


@pytest.mark.parametrize("kind", ["copy", "symlink", "hardlink", "reflink"])
def test_a_folder_with_each_type_of_link(clones, tmp_path, kind):
    """Where the file system has no reflinks, DVC copies if it may, which `reflink` alone does not let it."""
    add_remote(clones, str(tmp_path / "store"))
    clones[1].dvc("config", "--local", "cache.type", f"{kind},copy")
    travels(*clones)


@pytest.fixture
def server(tmp_path):
    pytest.importorskip("dvc_ssh")
    sshserver.find_server()
    started = sshserver.Server(tmp_path / "server")
    started.start()
    yield started
    started.stop()


@pytest.fixture
def ssh(server, clones, tmp_path, monkeypatch):
    """The remote of docs/dvc.md, whose connection OpenSSH makes."""
    (tmp_path / "home/.ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    to = f"-p {server.port} -i {server.user_key} {server.settings['user']}@127.0.0.1"
    checked = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={server.known_hosts}"
    host = ("Host results", "HostName 127.0.0.1", f"Port {server.port}")
    proxy = f"ProxyCommand ssh -F none {checked} -W %h:%p {to}"
    (tmp_path / "home/.ssh/config").write_text("\n    ".join([*host, proxy, ""]))
    url = f"ssh://{server.settings['user']}@results{tmp_path}/store"
    add_remote(clones, url, keyfile=str(server.user_key))
    return clones


def test_ssh(ssh):
    travels(*ssh)


def test_ssh_whose_host_key_has_changed_is_refused(ssh, server, tmp_path):
    server.trust(sshserver.make_key(server.folder / "another_key"))
    command = [sys.executable, "-m", "dvc", "push"]
    done = subprocess.run(command, cwd=ssh[0].root, env=os.environ, capture_output=True, text=True, check=False)
    assert "Connection lost" in done.stderr  # what OpenSSH says of it, DVC keeps to itself
    assert not (tmp_path / "store").exists()


@pytest.fixture
def s3():
    """The address of a server that speaks S3."""
    pytest.importorskip("dvc_s3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_s3(s3, clones, monkeypatch):
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    boto3.client("s3", endpoint_url=s3, region_name="us-east-1").create_bucket(Bucket="bucket")
    add_remote(clones, "s3://bucket/edgeprune", endpointurl=s3, region="us-east-1")
    travels(*clones)
