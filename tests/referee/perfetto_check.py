"""Checks a trace file with Perfetto's own message definitions (PyPI package `perfetto`).

Usage: perfetto_check.py FILE.  Prints a summary as JSON, or reports the first error and exits with 1.
The package downloads trace_processor at run time, so its checks are done here: every field is
known, every packet belongs to the sequence, references are to data that was written before,
slices of a track begin and end in turn and never overlap, and counters have tracks.
"""

import collections
import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb
from google.protobuf import unknown_fields


def require(condition, *what):
    if not condition:
        print("perfetto_check:", *what, file=sys.stderr)
        sys.exit(1)


def without_unknown_fields(message, path):
    unknown = unknown_fields.UnknownFieldSet(message)
    require(len(unknown) == 0, path, "has a field that is unknown:", [f.field_number for f in unknown])
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                without_unknown_fields(one, path + "." + field.name)


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    trace = pb.Trace()
    require(trace.ParseFromString(data) == len(data), "not all bytes are a trace")
    require(len(trace.packet) > 0, "it is empty")
    for number, packet in enumerate(trace.packet):
        without_unknown_fields(packet, "packet[%d]" % number)

    first = trace.packet[0]
    clocks = {clock.clock_id: clock.timestamp for clock in first.clock_snapshot.clocks}
    require(first.clock_snapshot.primary_trace_clock == pb.BUILTIN_CLOCK_MONOTONIC, "no primary clock")
    require(pb.BUILTIN_CLOCK_MONOTONIC in clocks and pb.BUILTIN_CLOCK_REALTIME in clocks, "no clocks")
    require(first.trace_packet_defaults.timestamp_clock_id == pb.BUILTIN_CLOCK_MONOTONIC, "no default clock")
    began = clocks[pb.BUILTIN_CLOCK_MONOTONIC]

    interned = collections.defaultdict(dict)
    threads, counters, processes = {}, {}, {}
    events = collections.defaultdict(list)
    values = collections.Counter()
    samples, leaves = 0, collections.Counter()
    for number, packet in enumerate(trace.packet):
        require(packet.trusted_packet_sequence_id == first.trusted_packet_sequence_id, "another sequence", number)
        expected = pb.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE if number else pb.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        require(packet.sequence_flags == expected, "wrong sequence flags", number)
        for field, entries in packet.interned_data.ListFields():
            for entry in entries:
                require(entry.iid not in interned[field.name], field.name, entry.iid, "is interned twice")
                require(entry.iid > 0, field.name, "has number 0")
                interned[field.name][entry.iid] = entry
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            if track.HasField("process"):
                processes[track.uuid] = track.process
            else:
                require(track.parent_uuid in processes, "a track has no process", number)
                (threads if track.HasField("thread") else counters)[track.uuid] = track
        if packet.HasField("track_event"):
            event = packet.track_event
            require(packet.timestamp >= began, "an event before the window", number)
            if event.type == pb.TrackEvent.TYPE_COUNTER:
                require(event.track_uuid in counters, "a counter without a track", number)
                require(event.HasField("double_counter_value"), "a counter without a value", number)
                values[counters[event.track_uuid].name] += 1
            else:
                require(event.track_uuid in threads, "a slice without a thread", number)
                events[event.track_uuid].append((packet.timestamp, event))
        if packet.HasField("perf_sample"):
            sample = packet.perf_sample
            require(first.trace_packet_defaults.perf_sample_defaults.timebase.period > 0, "samples have no period")
            require(sample.pid == next(iter(processes.values())).pid, "a sample of another process", number)
            samples += 1
            if sample.HasField("callstack_iid"):
                require(sample.callstack_iid in interned["callstacks"], "a stack is missing", number)
                frames = interned["callstacks"][sample.callstack_iid].frame_ids
                require(all(frame in interned["frames"] for frame in frames), "a frame is missing", number)
                leaf = interned["frames"][frames[-1]]
                leaves[interned["function_names"][leaf.function_name_id].str.decode()] += 1

    for frame in interned["frames"].values():
        require(frame.function_name_id in interned["function_names"], "a function is missing")
        require(not frame.HasField("mapping_id") or frame.mapping_id in interned["mappings"], "a mapping is missing")
        require(not frame.HasField("source_path_iid") or frame.source_path_iid in interned["source_paths"], "a source is missing")
    for mapping in interned["mappings"].values():
        require(mapping.build_id in interned["build_ids"], "a build-id is missing")
        require(all(path in interned["mapping_paths"] for path in mapping.path_string_ids), "a path is missing")
    require(len(processes) == 1, "not one process", processes)

    result = []
    for uuid, track in threads.items():
        times, open_slice, last = collections.Counter(), None, 0
        for timestamp, event in events[uuid]:
            require(timestamp >= last, "slices overlap on", track.thread.thread_name)
            last = timestamp
            if event.type == pb.TrackEvent.TYPE_SLICE_BEGIN:
                require(open_slice is None, "a slice in a slice on", track.thread.thread_name)
                open_slice = (timestamp, interned["event_names"][event.name_iid].name)
            else:
                require(open_slice is not None, "a slice ends that never began on", track.thread.thread_name)
                times[open_slice[1]] += timestamp - open_slice[0]
                open_slice = None
        require(open_slice is None, "a slice never ends on", track.thread.thread_name)
        result.append({"tid": track.thread.tid, "name": track.thread.thread_name, "times": times})
    print(json.dumps({
        "process": next(iter(processes.values())).process_name,
        "threads": result,
        "samples": samples,
        "leaves": leaves.most_common(20),
        "counters": values,
    }))


main()
