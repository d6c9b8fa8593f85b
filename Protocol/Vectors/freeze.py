#!/usr/bin/env python3
"""Writes messages.json: each message of tandem.proto as protobuf JSON beside its bytes.

Made with Python's protobuf, so that the Swift tests compare against an implementation
that is not theirs. What is in the file already is never changed: only messages whose
JSON is new are added, and a known one with other bytes is an error.

    python3 Protocol/Vectors/freeze.py        (needs grpcio-tools)
"""

import json
import pathlib
import sys
import tempfile

from google.protobuf import json_format
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent


def modules():
    folder = tempfile.mkdtemp()
    status = protoc.main(
        ["protoc", f"--proto_path={HERE.parent}", f"--python_out={folder}", "tandem.proto"])
    if status != 0:
        sys.exit("freeze.py: protoc failed")
    sys.path.insert(0, folder)
    import tandem_pb2
    return tandem_pb2


def messages(t):
    digest = bytes(range(32))
    other = bytes(range(32, 64))
    yield t.DescribeRequest(protocol_version=1)
    yield t.Description(
        protocol_version_minimum=1, protocol_version_maximum=1, model_fingerprint=digest,
        model_name="english",
        codecs=[t.Codec(name="float32", index=0, bytes_per_frame=576),
                t.Codec(name="int8", index=1, bytes_per_frame=148)],
        codec_fingerprint=other,
        split_layers=[t.SplitLayer(layer=k, dimension=144) for k in (0, 4, 8)],
        limits=t.Limits(message_bytes=1 << 20, packets_per_utterance=3000,
                        seconds_per_utterance=120, bytes_per_utterance=32 << 20),
        expected_wait_milliseconds=12, price=0.25, server_version="tandem-edge 0.1.0")
    start = dict(
        protocol_version=1, model_fingerprint=digest, codec_fingerprint=other, split_layer=4,
        codec=1, feature_dimension=144, utterance_id=bytes(16), deadline_milliseconds=1500,
        frames_per_packet=8)
    yield t.Packet(start=t.Start(**start))
    yield t.Packet(start=t.Start(
        trace_context="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", **start))
    yield t.Packet(features=t.Features(first_frame=0, frame_count=8, payload=bytes(range(200))))
    yield t.Packet(features=t.Features(first_frame=8, frame_count=3, payload=b"\xff\x00\x80"))
    yield t.Packet(end=t.End(total_frames=11, checksum=digest))
    # An empty member is not an absent one.
    yield t.Packet(end=t.End())
    yield t.Answer(accepted=t.Accepted(
        expected_wait_milliseconds=40, price=0.25, server_version="tandem-edge 0.1.0"))
    yield t.Answer(acknowledged=t.Acknowledged(frames=8))
    yield t.Answer(acknowledged=t.Acknowledged())
    yield t.Answer(partial=t.Partial(text="THE QUICK"))
    yield t.Answer(final=t.Final(
        text="THE QUICK BROWN FOX", confidence=-0.125, queue_milliseconds=1.5,
        compute_milliseconds=20.25, decoder="transducer-beam-4"))
    yield t.Answer(final=t.Final(text="IT'S"))
    for reason in t.RefusalReason.values():
        if reason != 0:
            yield t.Refused(reason=reason, message="why, and what was expected",
                            retry_after_milliseconds=250 if reason == 1 else 0)


def main():
    path = HERE / "messages.json"
    frozen = json.loads(path.read_text()) if path.exists() else []
    known = {(v["message"], v["json"]): v["hexadecimal"] for v in frozen}
    for message in messages(modules()):
        text = json_format.MessageToJson(message, indent=None)
        key = (message.DESCRIPTOR.name, text)
        data = message.SerializeToString(deterministic=True).hex()
        if known.setdefault(key, data) != data:
            sys.exit(f"freeze.py: {key} has been frozen with other bytes")
        if not any((v["message"], v["json"]) == key for v in frozen):
            frozen.append({"message": key[0], "json": text, "hexadecimal": data})
    path.write_text(json.dumps(frozen, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(frozen)} messages in {path}")


if __name__ == "__main__":
    main()
