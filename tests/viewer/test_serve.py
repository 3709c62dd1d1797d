"""`neuroscribe view`: files, the JSON twin, nothing outside the site, no needless build."""

import gzip
import http.client
import importlib.util
import json
import signal
import socket
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main
from neuroscribe.errors import InputError
from neuroscribe.viewer import Options, build, build_site
from neuroscribe.viewer.blocks import read_json
from neuroscribe.viewer.serve import open_server, prepared
from neuroscribe.viewer.twin import unit_twin
from tests.viewer import conftest as made


@pytest.fixture
def site(study, tmp_path):
    build_site(study, tmp_path / "site", map=False, weights=False)
    (tmp_path / "site" / "index.html").write_text("<!doctype html>shell")
    (tmp_path / "secret.json").write_text('"secret"')
    return tmp_path / "site"


@pytest.fixture
def ask(site):
    """Ask a running server for a path."""
    server = open_server(site, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def get(path, *, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers["Content-Type"], body

    yield get
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_shell_and_the_blocks_are_served_as_they_are(ask, site):
    assert ask("/") == (200, "text/html; charset=utf-8", b"<!doctype html>shell")
    status, kind, body = ask("/data/units/0/0.json.gz")
    assert (status, kind) == (200, "application/gzip")
    assert body == (site / "data/units/0/0.json.gz").read_bytes()
    assert json.loads(gzip.decompress(body))["units"][0]["unit"] == "mlp.0/0"
    assert ask("/data/site.json")[:2] == (200, "application/json")


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/mlp.0/2.json", "mlp.0/2"),
        ("/mlp.1/39.json?x=1", "mlp.1/39"),
        ("/module:transformer.h.5.mlp.act/7-.json", f"{made.ODD}/7-"),
        ("/module%3Atransformer.h.5.mlp.act/700.json", f"{made.ODD}/700"),
    ],
)
def test_a_unit_is_there_as_json(ask, site, path, unit):
    status, kind, body = ask(path)
    assert (status, kind) == (200, "application/json")
    twin = json.loads(body)
    assert twin == json.loads(json.dumps(unit_twin(site, unit)))
    assert (twin["unit"], twin["exemplars"]["unit"]) == (unit, unit)
    used = {item["s"] for group in twin["exemplars"]["groups"] for item in group["items"]}
    assert used <= twin["sequences"].keys()


@pytest.mark.parametrize(
    "path",
    [
        "/mlp.0/6.json",
        "/mlp.0/2-.json",
        "/mlp.9/1.json",
        "/data/",
        "/data/units/0/9.json.gz",
        "/../secret.json",
        "/%2e%2e/secret.json",
        "/..%2fsecret.json",
        "/data/%2e%2e/%2e%2e/secret.json",
        "/..%5csecret.json",
        "//secret.json",
    ],
)
def test_what_the_site_does_not_hold_is_not_found(ask, path):
    status, _, body = ask(path)
    assert status == 404
    assert b'"secret"' not in body


def test_the_headers_of_a_unit_are_those_of_its_json(ask):
    status, kind, body = ask("/mlp.0/2.json", method="HEAD")
    assert (status, kind, body) == (200, "application/json", b"")
    assert ask("/mlp.0/6.json", method="HEAD")[0] == 404


@pytest.mark.parametrize("content", [None, b"no gzip"])
def test_a_damaged_block_is_answered_with_what_to_do(ask, site, content):
    block = site / "data" / "units" / "0" / "0.json.gz"
    block.unlink()
    if content is not None:
        block.write_bytes(content)
    status, _, body = ask("/mlp.0/2.json")
    assert status == 500
    assert b"0.json.gz is missing or damaged" in body
    assert b"build the site again" in body
    assert ask("/mlp.0/2.json", method="HEAD")[::2] == (500, b"")


def test_a_page_that_points_its_own_name_here_reads_nothing(ask):
    assert ask("/data/site.json", Host="evil.example:80")[0] == 403
    assert ask("/data/site.json", Host="localhost:1234")[0] == 200


def test_a_folder_that_is_no_site_and_a_taken_port_are_refused(site, tmp_path):
    with pytest.raises(InputError, match="is not a site"):
        open_server(tmp_path, 0)
    with open_server(site, 0) as server, pytest.raises(InputError, match="cannot be used"):
        open_server(site, server.server_port)
    with pytest.raises(InputError, match="port 70000 cannot be used"):
        open_server(site, 70000)


def test_a_port_that_cannot_be_used_is_refused_before_a_site_is_built(study, tmp_path):
    out = tmp_path / "kept"
    command = ["view", str(study), "--out", str(out), "--no-open", "--no-map", "--no-weights"]
    for port in ("70000", "-5"):
        refused = CliRunner().invoke(main, [*command, "--port", port])
        assert refused.exit_code == 2
        assert "or equal to" in refused.output
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = CliRunner().invoke(main, [*command, "--port", port])
    assert refused.exit_code == 2
    assert f"port {port} cannot be used" in refused.output
    assert not out.exists()


def test_options_that_a_built_site_ignores_are_named(site, monkeypatch):
    monkeypatch.setattr("neuroscribe.viewer.serve.serve", lambda *_, **__: None)
    command = ["view", str(site), "--no-open"]
    assert CliRunner().invoke(main, command).output == ""
    said = CliRunner().invoke(main, [*command, "--title", "X", "--no-map", "--exemplars", "3"])
    assert said.exit_code == 0
    assert "so --title, --exemplars, --no-map changes nothing; name the study" in said.output


def test_a_site_is_built_again_only_when_its_study_has_changed(study, tmp_path):
    out = tmp_path / "kept"
    settings = {"map": False, "weights": False}
    assert prepared(study, out, **settings)[1] is not None
    assert prepared(study, out, **settings) == (out, None)
    assert prepared(study, out, **settings, title="another")[1] is not None
    newer = made.explanation(("mlp.0", 1, 1), 7, day=3)
    made.write(study, "explanations", [newer], "mlp.0")
    assert prepared(study, out, **settings, title="another")[1] is not None
    assert prepared(out, None) == (out, None)


def test_what_is_added_while_a_site_is_built_is_in_the_next_one(study, tmp_path, monkeypatch):
    settings = {"map": False, "weights": False}
    newer = made.explanation(("mlp.0", 1, 1), 7, text="added meanwhile", day=3)
    write_units = build.write_units

    def late(*arguments):
        write_units(*arguments)
        made.write(study, "explanations", [newer], "mlp.0")

    with monkeypatch.context() as patch:
        patch.setattr(build, "write_units", late)
        build_site(study, tmp_path / "kept", **settings)
    assert prepared(study, tmp_path / "kept", **settings)[1] is not None
    assert unit_twin(tmp_path / "kept", "mlp.0/1")["explanations"][0]["text"] == "added meanwhile"
    assert prepared(study, tmp_path / "kept", **settings)[1] is None


def test_another_package_makes_another_site(study, tmp_path, monkeypatch):
    stamps = {build.fingerprint(study, Options())}
    found = importlib.util.find_spec
    for is_there in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(
                "importlib.util.find_spec",
                lambda name, there=is_there: there or None if "minilm" in name else found(name),
            )
            stamps.add(build.fingerprint(study, Options()))
    assert len(stamps) == 2
    monkeypatch.setattr(build, "FORMAT", 2)
    stamps.add(build.fingerprint(study, Options()))
    (tmp_path / "assets").mkdir()
    for text in ("one", "two"):
        (tmp_path / "assets" / "SOURCE.sha256").write_text(text)
        monkeypatch.setattr(build, "files", lambda _: tmp_path)
        stamps.add(build.fingerprint(study, Options()))
    assert len(stamps) == 5


def test_a_build_has_a_name_that_changes_with_its_content(study, tmp_path):
    out = tmp_path / "site"
    build_site(study, out, map=False, weights=False)
    first = read_json(out / "data" / "site.json")["build"]
    assert first == read_json(out / "data" / "source.json")["study"][:12]
    build_site(study, out, map=False, weights=False)
    assert read_json(out / "data" / "site.json")["build"] == first
    newer = made.explanation(("mlp.0", 1, 1), 7, day=3)
    made.write(study, "explanations", [newer], "mlp.0")
    build_site(study, out, map=False, weights=False)
    assert read_json(out / "data" / "site.json")["build"] != first


def test_a_site_can_be_built_where_one_stands(study, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    command = ["site", str(study), ".", "--no-map", "--no-weights", "--processes", "1"]
    built = CliRunner().invoke(main, command)
    assert built.exit_code == 0, built.output
    assert "the folder you are in was replaced; enter it again first: cd ." in built.output
    assert (tmp_path / "here" / "data" / "site.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "study"]


def test_the_command_builds_a_site_and_says_what_to_do_next(study, tmp_path):
    out = tmp_path / "built"
    wanted = ["--title", "T", "--units", "mlp.1[:3]", "--no-map", "--no-weights"]
    result = CliRunner().invoke(main, ["site", str(study), str(out), *wanted, "--processes", "1"])
    assert result.exit_code == 0, result.output
    assert "wrote 3 units in " in result.output
    assert f"neuroscribe view {out}" in result.output
    again = CliRunner().invoke(main, ["site", str(study), str(study)])
    assert again.exit_code == 2
    assert "is not a site" in again.output


@pytest.mark.slow
def test_the_view_is_ended_by_an_interruption_with_0(site):
    command = [sys.executable, "-m", "neuroscribe", "view", str(site), "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in said


def test_building_without_map_and_weights_loads_no_torch(study, tmp_path):
    code = (
        "import sys; from neuroscribe.viewer import build_site\n"
        f"build_site({str(study)!r}, {str(tmp_path / 'out')!r}, embedder='words', weights=False)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
