"""Alarms about certificates and devices, each by its cause, on a running sluiced: it stands in
`status` (as JSON and for people) and in the metrics, and is over when its cause is."""

import socket
import time

from appliance import stage
from case_oftp import connect, device
from case_trust import SERIAL, client, issue, openssl, until
from cases import Failed, collector, equal, expect
from netns import HOST4, PEER4
from oftp_client import Stream

OTHER4 = "192.0.2.9"

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))


def places(appliance, name, subject):
    """Where it is shown: alarms[], the page for people, the metrics."""
    listed = [a for a in appliance.ctl("status")["alarms"] if (a["name"], a["subject"]) == (name, subject)]
    shown = [line for line in appliance.run("status").stdout.decode().splitlines()
             if f"{name} {subject}".strip() + ":" in line]
    metric = f'sluice_alarm{{alarm="{name}",subject="{subject}"}} 1'
    return bool(listed), bool(shown), metric in appliance.metrics().splitlines(), listed


def in_time(what, ask):
    """Asks again and again: sluiced looks once a second, and has a minute."""
    end = time.monotonic() + 60
    while not ask():
        if time.monotonic() > end:
            raise Failed(f"{what}: not in time")


def stands(appliance, name, subject="", *words, again=None):
    """Everywhere; its text has these words, or comes to have them. Returns since when. `again`: is done before each
    look."""
    seen = []

    def told():
        if again:
            again()
        *shown, seen[:] = places(appliance, name, subject)
        return all(shown) and all(word in seen[0]["text"] for word in words)
    try:
        in_time(f"the alarm {name}", told)
    except Failed as e:
        raise Failed(f"{e}; {words} in {seen}") from e
    return seen[0]["since"]


def over(appliance, name, subject="", again=None):
    """Nowhere. `again`: is done before each look."""
    def gone():
        if again:
            again()
        return not any(places(appliance, name, subject)[:3])
    in_time(f"the end of the alarm {name}", gone)


def self_signed(appliance, name, days, *more):
    """Key and certificate in one file."""
    path = appliance.dir / f"{name}.pem"
    cert = appliance.dir / f"{name}.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/O=Example/CN={name}", "-days", str(days), "-keyout", str(path), "-out", str(cert), *more)
    path.write_bytes(path.read_bytes() + cert.read_bytes())
    return path


@case()
def alarm_own_certificate_expires(appliance):
    """certificate_expires: an identity of ours with a week left; over when it is renewed, or deleted"""
    appliance.ctl("cert", "import", str(self_signed(appliance, "bought", 7)))
    appliance.ctl("cert", "import", str(self_signed(appliance, "other", 7)))
    stands(appliance, "certificate_expires", "bought", "identity bought", "expires on")
    stands(appliance, "certificate_expires", "other")
    appliance.ctl("cert", "import", str(self_signed(appliance, "bought", 400)))
    over(appliance, "certificate_expires", "bought")
    stands(appliance, "certificate_expires", "other")
    appliance.ctl("cert", "delete", "other")
    over(appliance, "certificate_expires", "other")


@case()
def alarm_device_certificate_expires(appliance):
    """device_certificate_expires: an authorized device shows one with a week left; over with its next one, or its denial"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    old = issue(appliance, days=7)
    old = old.rename(appliance.dir / "old.pem")
    s = client(appliance, old)
    until(appliance, "pending", lambda: [
        d for d in appliance.ctl("device", "list")["devices"] if d["state"] == "pending"])
    # It is looked at in one go with ours: one of ours that ends soon says that it was.
    appliance.ctl("cert", "import", str(self_signed(appliance, "bought", 7)))
    stands(appliance, "certificate_expires", "bought")
    over(appliance, "device_certificate_expires")
    appliance.ctl("device", "authorize", SERIAL)
    stands(appliance, "device_certificate_expires", "", SERIAL, "cert expiring")
    s.close()
    (appliance.dir / f"{SERIAL}.pfx").unlink()
    s = client(appliance, issue(appliance, days=400))
    over(appliance, "device_certificate_expires")
    s.close()
    s = client(appliance, old)
    stands(appliance, "device_certificate_expires", "", SERIAL)
    appliance.ctl("device", "deny", SERIAL)
    over(appliance, "device_certificate_expires")
    s.close()


@case()
def alarm_crl_stale(appliance):
    """crl_stale: a CRL past its next update; over when a newer one takes its place"""
    ca = self_signed(appliance, "another-ca", 400)
    appliance.ctl("cert", "import", str(appliance.dir / "another-ca.crt"), "--name", "another-ca")
    (appliance.dir / "index.txt").touch()
    config = appliance.dir / "ca.cnf"
    config.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {appliance.dir}/index.txt\n"
                      "default_md = sha256\n", encoding="ascii")

    def crl(last, following, *sure):
        path = appliance.dir / "list.crl"
        openssl("ca", "-gencrl", "-config", str(config), "-keyfile", str(ca), "-cert", str(ca),
                "-crl_lastupdate", last, "-crl_nextupdate", following, "-out", str(path))
        return appliance.ctl("cert", "import", str(path), "--name", "theirs", *sure)

    said = crl("20240101000000Z", "20240201000000Z")
    expect("crl_stale" in {f["reason"] for f in said["findings"]}, f"import says {said['findings']}")
    stands(appliance, "crl_stale", "theirs", "CRL theirs", "another-ca", "2024-02-01")
    crl("20240201000000Z", "20990201000000Z")
    over(appliance, "crl_stale", "theirs")
    # In its place an older one would forget who was revoked since: that is asked.
    said = crl("20240115000000Z", "20990201000000Z", "--yes")
    expect("crl_older" in {f["reason"] for f in said["findings"]}, f"import says {said['findings']}")


@case()
def alarm_duplicate_serial(appliance):
    """duplicate_serial: two addresses take turns as one device; stands for `duplicate-serial-stands` after the last"""
    appliance.ctl("settings", "set", "duplicate-serial-stands", "1h")
    pem = device(appliance)
    appliance.ns.ip("addr", "add", OTHER4 + "/24", "dev", "sluice0")
    kept = []
    for n in range(4):
        kept.append(connect(appliance, [Stream(1)], pem, source=(PEER4, OTHER4)[n % 2]))
        kept[-1].login()
    stands(appliance, "duplicate_serial", SERIAL, "take turns", "refusal list")
    for c in kept:
        c.drop()
    appliance.ctl("settings", "set", "duplicate-serial-stands", "1s")
    over(appliance, "duplicate_serial", SERIAL)


@case()
def alarm_device_silent(appliance):
    """device_silent: an authorized device that has logged sends nothing for `device-silent`; over with its next log"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    s = client(appliance, issue(appliance))
    appliance.ctl("device", "authorize", SERIAL)
    s.sendall(b"<13>here\n")
    appliance.wait_total("stored", 1)
    # More than a turn of over() takes, with a log in each.
    appliance.ctl("settings", "set", "device-silent", "5s")
    stands(appliance, "device_silent", "", SERIAL, "5s")
    over(appliance, "device_silent", again=lambda: s.sendall(b"<13>still here\n"))
    stands(appliance, "device_silent", "", SERIAL)
    appliance.ctl("settings", "set", "device-silent", "none")
    over(appliance, "device_silent")
    s.close()


@case()
def alarm_clock_skew(appliance):
    """clock_skew: eventtime two hours behind; stands while others log, over with the first log whose time is right"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    appliance.ctl("settings", "set", "clock-skew-every", "1s")
    s = client(appliance, issue(appliance))
    appliance.ctl("device", "authorize", SERIAL)

    def log(behind_s):
        s.sendall(b"<189>eventtime=%d type=\"traffic\"\n" % (time.time_ns() - behind_s * 10**9))

    # Sent again before each look: one that was a second under way is wrong by 7,201.
    since = stands(appliance, "clock_skew", "", "clock of 1 device ", f"{SERIAL} by -7200 s", "NTP", again=lambda: log(7200))
    # Looks that see no log of it prove nothing; that there were some, another device's clock says.
    udp = appliance.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for behind_s, said in (3600, f"{PEER4} by -3600 s"), (0, "clock of 1 device "):
        def other(behind_s=behind_s):
            udp.sendto(b"<189>eventtime=%d other" % (time.time_ns() - behind_s * 10**9), (HOST4, 514))
        equal("since when", stands(appliance, "clock_skew", "", f"{SERIAL} by -7200 s", said, again=other), since)
    over(appliance, "clock_skew", again=lambda: log(0))
    udp.close()
    s.close()
