#!/bin/sh
# Kills the edge with `kill -9` in mid-stream, N times, while a device transcribes real recordings of
# people with always-edge, and counts: answers given, answers by the deadline, fallbacks by reason.
#
#   Scripts/prove-kill.sh [N=100] [MODEL=Models/english]
#
# A kill counts only if it fell in mid-stream. To make that certain, a TCP proxy of our own stands
# between device and edge: it lets a random part of the utterance's features through (more than
# handshake and Start take, less than the whole utterance), or all of them but no answer, and only
# then kills the edge. Then, at random, the device's connection
#   crash    ends, as the kernel of a killed edge ends it;
#   waiting  ends likewise, but after the last byte of features and before the first of the answer;
#   silence  stays open without a byte, as when a cable is pulled: only the deadline helps.
# The proxy then refuses connections until the edge has been started again.
#
# Exit status 1 when an answer is missing, late, or not the transcript that the same device gives undisturbed.
set -eu
cd "$(dirname "$0")/.."
. Scripts/prove-common.sh
kills=${1:-100}
model=${2:-Models/english}
check_model "$model"
Scripts/demo-recordings.sh >"$folder/recordings.tsv"
certificates "$folder/certificates"
python3 -u /dev/fd/3 "$programs" "$model" "$kills" "$folder" 3<<'PYTHON'
import collections, csv, json, os, random, select, signal, socket, struct, subprocess, sys
import threading, time, wave

programs, model, wanted, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
SEED = int(os.environ.get("TANDEM_PROOF_SEED", "1"))
DEADLINE = 2.0  # seconds; the device's default
TOLERANCE = 0.1  # seconds
BATCH = 60  # recordings a device process
HANDSHAKE = 4096  # bytes; more than a client's handshake, HTTP/2 preface and Start take together
WINDOW = 30000  # bytes; half of HTTP/2's window: more may not be sent while the edge's updates are kept back
START = 1024  # bytes; more than Start and its headers take on an open connection
random.seed(SEED)
keys = folder + "/certificates/"
dimension = json.load(open(model + "/model.json"))["encoder"]["dimension"]


def seconds_of(path):
    with wave.open(path) as file:
        return file.getnframes() / file.getframerate()


recordings = [row["path"] for row in csv.DictReader(open(folder + "/recordings.tsv"), delimiter="\t")]
length = {path: seconds_of(path) for path in recordings}


def payload(path):
    """Bytes of the utterance's float32 features, without any overhead."""
    return int(length[path] * 25) * 4 * dimension


def flags(port):
    return ["--model", model, "--edge-host", "127.0.0.1", "--edge-port", str(port),
            "--deadline-seconds", str(DEADLINE), "--offload-codec", "float32", "--log-level", "debug",
            "--certificates-certificate", keys + "kitchen.pem",
            "--certificates-private-key", keys + "kitchen.key",
            "--certificates-authority", keys + "ca.pem"]


def note(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


class Edge:
    """An edge process; a new one after every kill."""

    def __init__(self):
        self.started = 0
        self.process = None

    def start(self):
        self.started += 1
        port_file = f"{folder}/port-{self.started}"
        log = open(f"{folder}/edge.log", "ab")
        self.process = subprocess.Popen(
            [programs + "/tandem-edge", "serve", "--model", model, "--port", "0",
             "--port-file", port_file, "--certificates-certificate", keys + "edge.pem",
             "--certificates-private-key", keys + "edge.key",
             "--certificates-authority", keys + "ca.pem"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        limit = time.monotonic() + 60
        while not (os.path.exists(port_file) and open(port_file).read().strip()):
            if self.process.poll() is not None or time.monotonic() > limit:
                sys.exit("prove-kill.sh: the edge did not start; see " + folder + "/edge.log")
            time.sleep(0.02)
        self.port = int(open(port_file).read())
        os.remove(port_file)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Plan:
    """What shall happen to the utterance `number` of the batch."""

    def __init__(self, number, kind, threshold):
        self.number, self.kind, self.threshold = number, kind, threshold


class Proxy(threading.Thread):
    """A thread a connection; bytes are delayed as on a slow link."""

    def __init__(self, edge):
        super().__init__(daemon=True)
        self.edge = edge
        self.port = 0
        self.listen()
        self.answered = 0  # lines that the device has printed in this batch
        self.plan = None
        self.fired = threading.Event()
        self.ready = threading.Event()
        self.released = threading.Event()
        self.trace = None

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                # Closed, until the edge has been started again.
                time.sleep(0.002)
                continue
            threading.Thread(target=self.serve, args=[device], daemon=True).start()

    def serve(self, device):
        try:
            edge = socket.create_connection(("127.0.0.1", self.edge.port))
        except OSError:
            device.close()
            return
        killed = self.carry(device, edge)
        edge.close()
        if killed is None:
            device.close()
            return
        # Nobody listens any more, as after a crash. `fired` first: the device may answer at once.
        # shutdown, because closing alone does not wake a thread that waits in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.fired.set()
        if killed != "silence":
            device.close()
        self.edge.start()
        if killed == "silence":
            # Until the device has answered; then the network says that the peer is gone.
            self.released.wait(60)
            device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            device.close()
        self.listen()
        self.ready.set()

    def carry(self, device, edge):
        """Carries bytes until an end closes (None) or the plan kills the edge (its kind)."""
        # up: bytes to the edge in this utterance; down: bytes from the edge, held: kept back.
        up = down = 0
        fresh = True
        utterance = self.answered
        last_up = time.monotonic()
        while True:
            plan = self.plan
            mine = plan is not None and plan.number == utterance
            sources = [device, edge]
            ready, _, _ = select.select(sources, [], [], 0.01)
            if self.answered != utterance:
                utterance, up, down, fresh = self.answered, 0, 0, False
                continue
            if mine and plan.kind == "waiting" and up >= plan.threshold \
                    and time.monotonic() - last_up > 0.03 and device not in ready:
                # All features are there and the answer has not left: it is kept back below.
                self.trace = {"up": up, "down": down, "fresh": fresh}
                self.edge.kill()
                return plan.kind
            for source in ready:
                if source is edge and mine and plan.kind == "waiting" and up > (HANDSHAKE if fresh else START):
                    time.sleep(0.002)
                    continue  # left in the kernel's buffer: not a byte of an answer passes
                limit = 4096
                if source is device and mine and plan.kind != "waiting":
                    limit = min(limit, max(1, plan.threshold - up))
                try:
                    data = source.recv(limit)
                    if not data:
                        return None
                    # 4 KiB in 4 ms: a link of 8 Mbit/s.
                    time.sleep(0.004)
                    if self.answered != utterance:
                        # These bytes belong to the next utterance.
                        utterance, up, down, fresh = self.answered, 0, 0, False
                        mine = plan is not None and plan.number == utterance
                    (edge if source is device else device).sendall(data)
                except OSError:
                    return None
                if source is device:
                    up += len(data)
                    last_up = time.monotonic()
                    if mine and plan.kind != "waiting" and up >= plan.threshold:
                        time.sleep(random.uniform(0, 0.02))
                        self.trace = {"up": up, "down": down, "fresh": fresh}
                        self.edge.kill()
                        return plan.kind
                else:
                    down += len(data)


def transcribe(paths, arguments, on_line=lambda line: None, log_path=None):
    """Runs the device over the paths; on_line gets every JSON object as it comes."""
    manifest = folder + "/batch.tsv"
    with open(manifest, "w") as file:
        file.write("path\ttext\n" + "".join(f"{path}\t-\n" for path in paths))
    process = subprocess.Popen(
        [programs + "/tandem-device", "transcribe", "--format", "json", "--manifest", manifest]
        + arguments + (["--decision-log-path", log_path] if log_path else ["--decision-log-path="]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(folder + "/device.log", "ab"))
    lines = []
    for text in process.stdout:
        lines.append(json.loads(text))
        on_line(lines[-1])
    return lines, process.wait()


# What the same device and the same edge answer when nobody disturbs them.
edge = Edge()
edge.start()
undisturbed = {}
for policy in ["always-local", "always-edge"]:
    lines, status = transcribe(recordings, flags(edge.port) + ["--policy", policy, "--deadline-seconds", "60"])
    if status != 0 or len(lines) != len(recordings):
        sys.exit(f"prove-kill.sh: the undisturbed {policy} run failed; see {folder}/device.log")
    for line in lines:
        undisturbed[line["file"], line["origin"]] = line["transcript"]
    note(f"undisturbed {policy}: " + str(dict(collections.Counter(line["origin"] for line in lines))))

proxy = Proxy(edge)
proxy.start()
decisions = folder + "/decisions.sqlite"
results, victims = [], []
missing = 0
failures = []
landed = collections.Counter()
elsewhere = 0
while sum(landed.values()) < wanted:
    batch = [random.choice(recordings) for _ in range(BATCH)]
    proxy.answered = 0

    def choose(after):
        """The next utterance to be hit, one to three further, long enough to be cut."""
        proxy.plan = None
        for number in range(after + random.randint(1, 3), BATCH):
            if payload(batch[number]) * 0.9 > HANDSHAKE + 512 and sum(landed.values()) + 1 <= wanted:
                kind = random.choices(["crash", "waiting", "silence"], [6, 2, 2])[0]
                if kind == "waiting" and payload(batch[number]) > WINDOW:
                    continue
                # Less than the features alone: End has not reached the edge.
                threshold = random.randint(HANDSHAKE, int(payload(batch[number]) * 0.9))
                proxy.plan = Plan(number, kind, payload(batch[number]) if kind == "waiting" else threshold)
                return

    def on_line(line):
        global elsewhere
        number = proxy.answered
        line["number"] = number
        plan = proxy.plan
        if proxy.fired.is_set():
            # This is the answer to the utterance during which the edge was killed.
            line["killed"] = plan.kind
            line["trace"] = proxy.trace
            # In mid-stream is what the device itself says: the stream had begun and had no answer.
            reason = line["reason"]
            if line["origin"] != "edge" and ("in mid-stream" in reason or "by the deadline" in reason):
                landed[plan.kind] += 1
            else:
                elsewhere += 1
            if (landed.total() + elsewhere) % 10 == 0:
                note(f"{landed.total()} of {wanted} kills in mid-stream, {len(results)} batches done")
            proxy.released.set()
            proxy.ready.wait(60)
            for event in [proxy.fired, proxy.ready, proxy.released]:
                event.clear()
            choose(number)
        elif plan is None or number >= plan.number:
            choose(number)
        proxy.answered += 1

    choose(-1)
    lines, status = transcribe(batch, flags(proxy.port) + ["--policy", "always-edge"], on_line, decisions)
    results.append(lines)
    if status != 0 or [line["file"] for line in lines] != batch:
        missing += len(batch) - len(lines)
        failures.append(f"the device answered {len(lines)} of {len(batch)} utterances, status {status}")
        break
edge.kill()

# What came of it. The decision log is asked too: it must know what the lines said.
every = [line for lines in results for line in lines]
late = [line for line in every if line["milliseconds"] > (DEADLINE + TOLERANCE) * 1000]
missing += sum(1 for line in every if line["origin"] == "none")
changed = [line for line in every
           if (line["file"], line["origin"]) in undisturbed
           and undisturbed[line["file"], line["origin"]] != line["transcript"]]
compared = sum((line["file"], line["origin"]) in undisturbed for line in every)
rows = [json.loads(text) for text in subprocess.run(
    [programs + "/tandem-device", "decisions", "export", "--format", "jsonl",
     "--decision-log-path", decisions], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()]
if len(rows) != len(every):
    failures.append(f"the decision log has {len(rows)} rows for {len(every)} utterances")
reasons = collections.Counter(row.get("fallbackReason") or "none" for row in rows)
if reasons["connectionLost"] + reasons["deadline"] < landed.total():
    failures.append("the decision log knows fewer lost connections and deadlines than kills")
hit = [line for line in every if "killed" in line]
hit_late = [line for line in hit if line in late]
for line in late[:10]:
    failures.append(f"late: {line['file']} after {line['milliseconds']:.0f} ms, {line['reason']}")
for line in changed[:10]:
    failures.append(f"changed: {line['file']} from {line['origin']}: {line['transcript']!r} instead of "
                    f"{undisturbed[line['file'], line['origin']]!r}")
with open(folder + "/kills.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\n" for line in every)
for failure in failures:
    print("prove-kill.sh:", failure, file=sys.stderr)
times = sorted(line["milliseconds"] for line in hit) or [0]
print("answered by " + ", ".join(f"{origin} {count}" for origin, count in
                                  sorted(collections.Counter(line["origin"] for line in every).items())))
print("fallbacks in the decision log: " + ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())))
print(f"milliseconds to the answer where the edge was killed: median {times[len(times) // 2]:.0f}, "
      f"largest {times[-1]:.0f}; {compared} transcripts compared with the undisturbed run, {len(changed)} differ")
print(f"{landed.total()} kills in mid-stream (" + ", ".join(f"{kind} {count}" for kind, count in sorted(landed.items()))
      + f"), {elsewhere} elsewhere: {len(hit) - sum(line['origin'] == 'none' for line in hit)} answers to the "
      f"utterances that were hit, {len(hit) - len(hit_late)} by the deadline + {TOLERANCE} s; "
      f"{len(every)} utterances in all, {missing} without an answer, {len(late)} late")
sys.exit(1 if failures or missing or late or changed or landed.total() < wanted else 0)
PYTHON
