"""Malformed handshakes and records by tlslite-ng: each gets the alert that the RFC names, is counted under
its slug alone, and leaves a sluiced behind that serves the next client."""

import collections
import time

import malformed_flights
import malformed_hello
import malformed_records
from appliance import Rpc
from cases import Failed, Suite, equal, expect
from mutant import Identity, once
from netns import HOST4
from tls_stage import authority, authorize, client, configure, refusals, show, trust

suite = Suite("peers")

SERIAL = "FGT60F0000000001"


def counted(rpc, name, wanted):
    """Waits until the counters say so: what was refused is told after the alert has left."""
    end = time.monotonic() + 10
    while (got := refusals(None, rpc)) != wanted:
        if time.monotonic() > end:
            raise Failed(f"refusals after {name}: got {got}, wanted {wanted}")


def malformed(appliance, cases):
    configure(appliance, limits={"handshake-rate": "none"})
    wrong, taken, good, deviations = [], 0, 0, 0
    pki = authority()
    trust(appliance, pki)
    show(appliance, pki)
    made = pki.device(SERIAL)
    authorize(appliance, SERIAL)
    identity, rpc = Identity(made), Rpc(appliance)
    well = client(appliance, made, pki.root)
    totals = collections.Counter(refusals(appliance, rpc))
    runs = [(case, version) for case in cases for version in case.versions]
    for case, version in runs:
        got = once(lambda: appliance.ns.connect((HOST4, 514)), identity, version, case)
        if got not in (case.alert or "taken", case.instead):
            wrong.append(f"{case.name} by TLS 1.{version[1] - 1}: wanted {case.alert or 'taken'} "
                         f"({case.clause}), got {got}")
        deviations += got == case.instead
        # A warning does not end a session: what came behind it is taken.
        taken += (case.slug is None) + case.more.get("resume", False)
        if case.slug:
            totals[case.slug] += 1
        try:
            with well() as s:
                s.sendall(b"<13>good %d\n" % good)
                good += 1
                s.unwrap()
        except OSError as e:
            raise Failed(f"after {case.name} by TLS 1.{version[1] - 1} nobody is served: {e}") from e
        counted(rpc, case.name, dict(totals))
    expect(not wrong, f"{len(wrong)} alerts are wrong:\n  " + "\n  ".join(wrong))
    appliance.wait_total("stored", taken + good)
    stored = collections.Counter(appliance.logs("--device", SERIAL))
    equal("logs of the cases that are allowed", stored.pop(b"<13>taken", 0), taken)
    equal("logs of those who came after each", stored,
          collections.Counter(b"<13>good %d" % n for n in range(good)))
    print(f"     {len(runs)} connections of {len(cases)} cases; {deviations} times another alert than the "
          "RFC names, as docs/tls-inside.md says of OpenSSL", flush=True)


@suite.case()
def malformed_hellos(appliance):
    """tlslite-ng: ClientHellos that are wrong in one way each, with the RFC's alert"""
    malformed(appliance, malformed_hello.CASES)


@suite.case()
def malformed_record_layer(appliance):
    """tlslite-ng: records that are wrong in one way each, with the RFC's alert"""
    malformed(appliance, malformed_records.CASES)


@suite.case()
def malformed_later_flights(appliance):
    """tlslite-ng: later messages that are wrong in one way each, with the RFC's alert"""
    malformed(appliance, malformed_flights.CASES)
