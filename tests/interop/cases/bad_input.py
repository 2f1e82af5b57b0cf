"""What goes wrong: one clear message that names the thing, the documented exit code, data as it was."""

import hashlib
import resource
import subprocess

import ottla
import record
import samples


def refused(data, verb, location, *options, expect, says, stdin=""):
    """Runs it; it must fail as told, with every word of `says` in one short message."""
    before = digest(data)
    said = ottla.run(verb, location, *options, stdin=stdin, expect=expect).stderr.decode()
    for word in says:
        assert str(word) in said, f"{word!r} is not in: {said}"
    assert "panicked" not in said and len(said.splitlines()) <= 8, said
    assert digest(data) == before, f"{verb} {options} changed the directory"


def digest(data):
    """Names and bytes of everything but the lock file."""
    found = {}
    for path in sorted(data.rglob("*")) if data.is_dir() else []:
        if path.is_file() and path.name != ".lock":
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def case_places(work):
    data = work / "data"
    ottla.produce(data, "there", "one\ntwo\n")
    refused(data, "consume", work / "nowhere/topic", expect=ottla.FAILED, says=["nowhere"])
    refused(data, "consume", data / "absent", expect=ottla.FAILED, says=["absent"])
    file = work / "file"
    file.write_text("not a directory")
    for verb in ("produce", "consume"):
        refused(work, verb, file, expect=ottla.FAILED, says=[file])
    foreign = work / "foreign"
    foreign.mkdir()
    (foreign / "holiday.jpg").write_text("mine")
    for verb in ("produce", "consume"):
        refused(foreign, verb, foreign, expect=ottla.FAILED, says=[foreign])


def case_arguments(work):
    data = work / "data"
    ottla.produce(data, "there", "one\ntwo\n")
    for verb, options, says in (
            ("produce", ("-z", "brotli"), ["brotli", "zstd"]),
            ("consume", ("-f", "%q\n"), ["%q"]),
            ("consume", ("-o", "yesterday-ish"), ["yesterday-ish"]),
            ("consume", ("--no-such-flag",), ["--no-such-flag"]),
            ("topics", ("--create", "--config", "no.such.config=1"), ["no.such.config"]),
            ("topics", ("--create", "--config", "segment.bytes=elephant"), ["segment.bytes", "elephant"]),
            ("topics", ("--create", "--partitions", "0"), ["0"])):
        place = data / ("new" if verb == "topics" else "there")
        before = digest(data)
        done = subprocess.run([ottla.BIN / f"ottla-{verb}", place, *options], input=b"", capture_output=True, check=False)
        said = done.stderr.decode()
        assert done.returncode in (ottla.USAGE, ottla.FAILED), (options, done.returncode, said)
        assert all(word in said for word in says) and "panicked" not in said, (options, said)
        assert digest(data) == before, options


def case_offset_out_of_range(work):
    data = work / "data"
    ottla.produce(data, "there", "one\ntwo\n")
    refused(data, "consume", data / "there", "-o", "7", expect=ottla.FAILED, says=["7", "2"])


def case_truncated_json_line_17(work):
    data = work / "data"
    good = "".join(record.to_json(None, b"%d" % i) for i in range(16))
    done = ottla.run("produce", data / "json", "--json", stdin=good + '{"value": "trunc\n' + good, expect=ottla.FAILED)
    assert "17" in done.stderr.decode(), done.stderr
    kept = [r.value for r in ottla.records(data, "json")]
    assert kept == [b"%d" % i for i in range(len(kept))] and len(kept) <= 16, kept


def case_disk_full(work):
    """A limit on the size of a file stands in for the disk: the write in mid-batch fails."""
    data = work / "data"
    ottla.produce(data, "full", "before\n", "-z", "none")
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    text = samples.lines(100_000).encode()
    done = subprocess.run([ottla.BIN / "ottla-produce", data / "full", "-z", "none"], input=text, capture_output=True,
                          preexec_fn=limit, restore_signals=False, check=False)
    said = done.stderr.decode()
    assert done.returncode == ottla.FAILED and "full-0" in said and "panicked" not in said, (done.returncode, said)
    kept = ottla.consume(data, "full")
    assert kept.startswith(b"before\n") and (b"before\n" + text).startswith(kept), len(kept)
    ottla.produce(data, "full", "after\n", "-z", "none")
    assert ottla.consume(data, "full") == kept + b"after\n"


def case_damage_met_while_consuming(work):
    data = work / "data"
    for i in range(5):
        ottla.produce(data, "hurt", samples.lines(200, seed=i), "-z", "none")
    log = data / "hurt-0/00000000000000000000.log"
    bytes = bytearray(log.read_bytes())
    bytes[len(bytes) // 2] ^= 0x55
    log.write_bytes(bytes)
    before = digest(data)
    done = ottla.run("consume", data / "hurt", expect=ottla.DAMAGE)
    said = done.stderr.decode()
    assert str(log) in said and "panicked" not in said, said
    assert done.stdout == samples.lines(200, seed=0).encode() + samples.lines(200, seed=1).encode(), len(done.stdout)
    assert digest(data) == before
