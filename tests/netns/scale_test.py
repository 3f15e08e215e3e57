#!/usr/bin/python3 -B
"""Many clients with many rules and many pins: they start, restart, reload and are restored, and
nothing is lost. Times are printed; the verdict is that all is there."""

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.steady import resident  # noqa: E402

MANY_CLIENTS, MANY_PINS = 200, 250  # pins of each client
FULL_CLIENTS, FULL_PINS = 50, 4096
RULES = 50
OTHER = {"dns": {"intercept": ["10.139.1.1"]}}


def rules_of(number):
    hosts = [f"accept .z{i}.c{number}.test" if i < 5 else
             f"accept h{i}.c{number}.test tcp {443 if i < 30 else 8443}" for i in range(RULES)]
    return "\n".join(hosts) + "\n"


def addresses(number):
    return f"10.137.{10 + number // 200}.{1 + number % 200}", f"fd09:24ef:4179::b:{number + 1:x}"


def client_file(number):
    return "address {} {}\n{}".format(*addresses(number), rules_of(number))


def clients_of(lab, qube, count):
    """Client files; packets of all of them would come in where those of the qube do."""
    routes, clients = [], {"work": "accept .shop.test\n"}
    for number in range(count):
        v4, v6 = addresses(number)
        routes += [f"route replace {v4} dev {qube.vif}", f"route replace {v6} dev {qube.vif}"]
        clients[f"c{number}"] = client_file(number)
    lab.netvm.ip("\n".join(routes))
    return clients


def pins_text(address, zone, count):
    """As an earlier dnspind would have left them."""
    elements = ", ".join(f'203.0.{i >> 8}.{i & 255} timeout 3600s comment ".{zone} < n{i}.{zone}"'
                         for i in range(count))
    return f"add element ip dnspin pin-{address.replace('.', '-')}-1 {{ {elements} }}"


def pin_all(lab, clients, pins):
    """While nobody watches the tables."""
    lab.netvm.nft("\n".join(pins_text(addresses(number)[0], f"z0.c{number}.test", pins)
                            for number in range(clients)))


def first_answer(qube, began, found):
    while not found and time.monotonic() - began < 60:
        if qube.ask("www.shop.test", timeout=0.1).status == "NOERROR":
            found.append(time.monotonic() - began)


def restart(dnspin, qube):
    """Seconds until the first answer."""
    found, began = [], time.monotonic()
    asking = threading.Thread(target=first_answer, args=(qube, began, found))
    asking.start()
    dnspin.start(timeout=60)
    asking.join()
    assert found, "no answer in a minute"
    return found[0]


def kernel_count(lab):
    return sum(len(item["set"].get("elem", [])) for item in lab.netvm.nft_json("table", "ip",
                                                                                "dnspin")
               if item.get("set", {}).get("name", "").startswith("pin-"))


def many(lab, _):
    """200 clients of 50 rules and 50,000 pins: restarts, a reload of one, a flush"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "many", clients=clients_of(lab, work, MANY_CLIENTS),
                           settings=OTHER, start=False) as dnspin:
        dnspin.start(timeout=60)
        assert work.ask("www.shop.test").status == "NOERROR"
        assert dnspin.stop() == 0
        pin_all(lab, MANY_CLIENTS, MANY_PINS)
        times = []
        for end in (dnspin.stop, dnspin.kill):
            times.append(restart(dnspin, work))
            total = sum(client["pins"] for client in dnspin.control("clients"))
            assert total == MANY_CLIENTS * MANY_PINS + 1, total
            assert kernel_count(lab) == total
            end()
        restart(dnspin, work)
        before = len(dnspin.log())
        lab.netvm.nft("flush ruleset")
        began = time.monotonic()
        assert dnspin.wait_log("it is again as it was", timeout=30), dnspin.log()[before:]
        times.append(time.monotonic() - began)
        assert kernel_count(lab) == MANY_CLIENTS * MANY_PINS + 1
        dnspin.write_client("c7", client_file(7).replace(".z0.", ".z9."))
        began = time.monotonic()
        assert dnspin.reload(timeout=30)
        times.append(time.monotonic() - began)
        assert kernel_count(lab) == (MANY_CLIENTS - 1) * MANY_PINS + 1, "those of c7 alone are gone"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return ("first answer {:.2f} s after SIGTERM, {:.2f} s after kill -9; flush restored in {:.2f} "
            "s; one client reloaded in {:.2f} s".format(*times))


def full(lab, servers):
    """50 clients with all the 4,096 pins that they may have: nothing is lost, nothing is added"""
    work = lab.qube("work")
    servers.authority.under("shop.test", records(["203.0.15.255"]))  # the last of its pins
    servers.authority.at("new.shop.test", records(["198.51.100.1"]))
    with trial.with_dnspin(lab, "full", clients=clients_of(lab, work, FULL_CLIENTS - 1),
                           settings=OTHER, start=False) as dnspin:
        dnspin.start(timeout=60)
        assert dnspin.stop() == 0
        pin_all(lab, FULL_CLIENTS - 1, FULL_PINS)
        lab.netvm.nft(pins_text(work.address, "shop.test", FULL_PINS))
        total = FULL_CLIENTS * FULL_PINS
        began = time.monotonic()
        dnspin.start(timeout=60)
        times = [time.monotonic() - began]
        assert [client["pins"] for client in dnspin.control("clients")] == (
            [FULL_PINS] * FULL_CLIENTS)
        assert kernel_count(lab) == total
        assert work.ask("n4095.shop.test").addresses == ["203.0.15.255"], "has its pin already"
        assert work.ask("new.shop.test").status == "SERVFAIL", "one more than it may have"
        dnspin.write_client("c7", client_file(7) + "accept more.test\n")
        lab.netvm.nft("flush ruleset")
        began = time.monotonic()
        assert dnspin.wait_log("it is again as it was", timeout=60)
        times.append(time.monotonic() - began)
        began = time.monotonic()
        assert dnspin.reload(timeout=60)
        times.append(time.monotonic() - began)
        assert kernel_count(lab) == total
        memory = resident(dnspin.pid)
    return ("started with {} pins in {:.2f} s, flush restored in {:.2f} s, one client reloaded in "
            "{:.2f} s; dnspind has {:.0f} MiB".format(total, *times, memory))


if __name__ == "__main__":
    trial.run(many, full, qubes=("work",))
