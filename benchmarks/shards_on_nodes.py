#!/usr/bin/env python3
"""CPU per record of order-totals on three nodes with a shard each, against one node with three tasks, on one machine over loopback.

usage: benchmarks/shards_on_nodes.py BROKER [--weir build/weir] [--records N] [--runs N]

Fills a topic of six partitions, then lets the two read it from its beginning in turn, exactly once, a checkpoint a second with copies. What
counts is user and system time of all processes of `weir node`, from the order to run the service until nothing is left to read. Prints each
run and the median of the ratios; exit code 1 above 1.5."""
import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def write(path, value):
    with open(path, "w") as out:
        json.dump(value, out)


def measure(options, topic, nodes, shards, parallelism):
    """CPU seconds of all nodes for the whole topic."""
    folder = tempfile.mkdtemp(prefix="weir-shards.")
    os.mkdir(folder + "/shared")
    name_space = "bench" + os.path.basename(folder)
    common = {"version": 1, "namespace": name_space, "connections": {"main": {"type": "kafka", "brokers": options.broker}}}
    names = ["a", "b", "c"][:nodes]
    members = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(nodes))}
    for name in names:
        write(f"{folder}/{name}.json", common | {"node": {
            "name": name, "cluster": "bench", "members": members, "token": folder + "/token", "directory": folder + "/shared",
            "store": f"{folder}/{name}", "control": "main"}})
    at = lambda called: {"connection": "main", "topic": called}
    service = {"name": "order-totals", "type": "order-totals", "shards": shards,
               "settings": {"input": at(topic), "output": at(name_space + ".totals"), "late": at(name_space + ".late"),
                            "parallelism": parallelism}}
    write(folder + "/services.json", common | {"services": [service]})
    ask = lambda *words: subprocess.run([options.weir, "cluster", words[0], "--config", folder + "/a.json", *words[1:]],
                                        capture_output=True, text=True)
    processes = [subprocess.Popen([options.weir, "node", "--config", f"{folder}/{name}.json"],
                                  stderr=open(f"{folder}/{name}.log", "w")) for name in names]

    def until(condition):
        end = time.time() + 300
        while True:
            said = ask("status", "--json")
            status = json.loads(said.stdout) if said.returncode == 0 else None
            if status and condition(status):
                return
            if time.time() > end:
                sys.exit(f"this does not come to its end; the logs of the nodes are in {folder}")
            time.sleep(0.2)

    done = lambda service: service["phase"] == "running" and service.get("lag") == 0 and service.get("checkpoint", 0) > 2
    try:
        until(lambda status: len(status["able"]) == nodes)
        before = sum(cpu_seconds(p.pid) for p in processes)
        if (ordered := ask("apply", folder + "/services.json")).returncode != 0:
            sys.exit(ordered.stderr)
        until(lambda status: len(status["placed"]) == shards and all(done(s) for s in status["placed"].values()))
        return sum(cpu_seconds(p.pid) for p in processes) - before
    finally:
        for p in processes:
            p.terminate()
        for p in processes:
            p.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("broker")
    parser.add_argument("--weir", default="build/weir")
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    topic = f"bench-orders-{os.getpid()}"
    subprocess.run([options.weir, "generate-orders", "config/order-totals.kafka.json", "--rate", "0", "--count", str(options.records),
                    "--partitions", "6", "--customers", "10000", "--speed", "20"], check=True, stderr=subprocess.DEVNULL,
                   env=os.environ | {"KAFKA_BROKERS": options.broker, "ORDERS_TOPIC": topic})
    ratios = []
    for _ in range(options.runs):
        one = measure(options, topic, 1, 1, 3)
        three = measure(options, topic, 3, 3, 1)
        ratios.append(three / one)
        print(f"one node, 3 tasks: {one / options.records * 1e6:.2f} us of CPU per record; three nodes, a shard each: "
              f"{three / options.records * 1e6:.2f} us; ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}, must be at most 1.5")
    sys.exit(statistics.median(ratios) > 1.5)


if __name__ == "__main__":
    main()
