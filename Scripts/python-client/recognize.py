#!/usr/bin/env python3
"""A stock gRPC client for a Tandem edge: replays a recorded utterance.

    python3 recognize.py --port 7443 --ca ca.pem --certificate device.pem --key device.key \\
        utterance.packets

Sends the recorded packets (Protocol/SPEC.md, section 9) and prints the final transcript on
standard output; everything else goes to standard error. The stubs are generated from
Protocol/tandem.proto at every run, so nothing here can be older than the protocol.

Needs: pip install grpcio grpcio-tools

Exit status: 0 the transcript came (and equals the recorded one, where `utterance.json` lies
beside the packets), 1 it differs, 64 wrong usage, 65 unreadable recording, 69 the edge
cannot be reached or refuses the certificate, 76 the edge refused the utterance.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc

USAGE, DATA_ERROR, UNAVAILABLE, PROTOCOL_ERROR = 64, 65, 69, 76
PROTO = pathlib.Path(__file__).resolve().parents[2] / "Protocol" / "tandem.proto"
REFUSAL_KEY = "tandem-refusal-bin"
MAXIMUM_MESSAGE_BYTES = 1 << 20


def stop(status, text):
    print(f"recognize.py: {text}", file=sys.stderr)
    sys.exit(status)


def stubs(proto):
    """Generates and imports the message and service modules."""
    with tempfile.TemporaryDirectory() as folder:
        status = protoc.main([
            "protoc", f"--proto_path={proto.parent}", f"--python_out={folder}",
            f"--grpc_python_out={folder}", proto.name,
        ])
        if status != 0:
            stop(USAGE, f"{proto}: protoc could not generate Python from it")
        sys.path.insert(0, folder)
        import tandem_pb2
        import tandem_pb2_grpc
        sys.path.remove(folder)
    return tandem_pb2, tandem_pb2_grpc


def read_packets(path, messages):
    """Packets, each preceded by its length as a varint."""
    data = read(path)
    packets, position = [], 0
    while position < len(data):
        length, shift = 0, 0
        while True:
            if position == len(data) or shift > 28:
                stop(DATA_ERROR, f"{path}: a packet's length is cut off or too long")
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if length > MAXIMUM_MESSAGE_BYTES or position + length > len(data):
            stop(DATA_ERROR, f"{path}: packet {len(packets)} is cut off or too long")
        try:
            packets.append(messages.Packet.FromString(data[position:position + length]))
        except Exception as error:  # protobuf's DecodeError differs between its versions
            stop(DATA_ERROR, f"{path}: packet {len(packets)} is no Packet ({error})")
        position += length
    if not packets or packets[0].WhichOneof("kind") != "start":
        stop(DATA_ERROR, f"{path}: the first packet must be start")
    return packets


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        stop(DATA_ERROR, f"{path}: {error.strerror}")


def refusal(error, messages):
    """The typed refusal in a status error's trailing metadata, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == REFUSAL_KEY:
            return messages.Refused.FromString(value)
    return None


def open_channel(arguments):
    has_certificate = arguments.certificate is not None
    if has_certificate != (arguments.key is not None):
        stop(USAGE, "--certificate and --key go together")
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(arguments.ca),
        private_key=read(arguments.key) if has_certificate else None,
        certificate_chain=read(arguments.certificate) if has_certificate else None)
    options = []
    if arguments.server_name:
        options.append(("grpc.ssl_target_name_override", arguments.server_name))
    return grpc.secure_channel(f"{arguments.host}:{arguments.port}", credentials, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True, help="PEM: the authority of the edge's certificate")
    parser.add_argument("--certificate", help="PEM: this client's certificate")
    parser.add_argument("--key", help="PEM: its private key")
    parser.add_argument("--server-name", help="the name in the edge's certificate, if not HOST")
    parser.add_argument("--proto", type=pathlib.Path, default=PROTO)
    parser.add_argument("--timeout", type=float, default=30, help="seconds (default: 30)")
    parser.add_argument("recording", help="length-delimited Packet messages")
    arguments = parser.parse_args()

    messages, services = stubs(arguments.proto)
    packets = read_packets(arguments.recording, messages)
    packets[0].start.utterance_id = os.urandom(16)

    text = None
    with open_channel(arguments) as channel:
        try:
            answers = services.TandemStub(channel).Recognize(
                iter(packets), timeout=arguments.timeout)
            for answer in answers:
                kind = answer.WhichOneof("kind")
                print(f"{kind}: {getattr(answer, kind)!s}".rstrip(), file=sys.stderr)
                if kind == "final":
                    text = answer.final.text
        except grpc.RpcError as error:
            refused = refusal(error, messages)
            if refused is not None:
                name = messages.RefusalReason.Name(refused.reason)
                stop(PROTOCOL_ERROR, f"the edge refused: {name}: {refused.message}")
            status = UNAVAILABLE if error.code() == grpc.StatusCode.UNAVAILABLE else PROTOCOL_ERROR
            stop(status, f"{error.code().name}: {error.details()}")
    if text is None:
        stop(PROTOCOL_ERROR, "the edge ended the call without a final transcript")
    print(text)

    expectation = pathlib.Path(arguments.recording).with_suffix(".json")
    if expectation.exists():
        expected = json.loads(expectation.read_text())["transcript"]
        if text != expected:
            stop(1, f"the recorded transcript is {expected!r}")


if __name__ == "__main__":
    main()
