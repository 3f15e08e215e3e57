#!/usr/bin/python3 -B
"""Many clients with many rules and many pins: they start, restart, reload and are restored, and
nothing is lost. Times are printed; the verdict is that all is there."""

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402

CLIENTS, RULES, PINS = 200, 50, 250  # pins of each client
OTHER = {"dns": {"intercept": ["10.139.1.1"]}}


def rules_of(number):
    hosts = [f"accept .z{i}.c{number}.test" if i < 5 else
             f"accept h{i}.c{number}.test tcp {443 if i < 30 else 8443}" for i in range(RULES)]
    return "\n".join(hosts) + "\n"


def addresses(number):
    return f"10.137.{10 + number // 200}.{1 + number % 200}", f"fd09:24ef:4179::b:{number + 1:x}"


def many_clients(lab, qube):
    """Client files; packets of all of them would come in where those of the qube do."""
    routes, clients = [], {"work": "accept .shop.test\n"}
    for number in range(CLIENTS):
        v4, v6 = addresses(number)
        routes += [f"route add {v4} dev {qube.vif}", f"route add {v6} dev {qube.vif}"]
        clients[f"c{number}"] = f"address {v4} {v6}\n{rules_of(number)}"
    lab.netvm.ip("\n".join(routes))
    return clients


def pin_all(lab):
    """As an earlier dnspind would have left them; nobody watches the tables now."""
    commands = []
    for number in range(CLIENTS):
        label = addresses(number)[0].replace(".", "-")
        elements = ", ".join(f'203.0.{i >> 8}.{i & 255} timeout 3600s '
                             f'comment ".z0.c{number}.test < n{i}.z0.c{number}.test"'
                             for i in range(PINS))
        commands.append(f"add element ip dnspin pin-{label}-1 {{ {elements} }}")
    lab.netvm.nft("\n".join(commands))


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
    with trial.with_dnspin(lab, "many", clients=many_clients(lab, work), settings=OTHER,
                           start=False) as dnspin:
        dnspin.start(timeout=60)
        assert work.ask("www.shop.test").status == "NOERROR"
        assert dnspin.stop() == 0
        pin_all(lab)
        times = []
        for end in (dnspin.stop, dnspin.kill):
            times.append(restart(dnspin, work))
            total = sum(client["pins"] for client in dnspin.control("clients"))
            assert total == CLIENTS * PINS + 1, total
            assert kernel_count(lab) == total
            end()
        restart(dnspin, work)
        before = len(dnspin.log())
        lab.netvm.nft("flush ruleset")
        began = time.monotonic()
        assert dnspin.wait_log("it is again as it was", timeout=30), dnspin.log()[before:]
        times.append(time.monotonic() - began)
        assert kernel_count(lab) == CLIENTS * PINS + 1
        dnspin.write_client("c7", dnspin_client(7).replace(".z0.", ".z9."))
        began = time.monotonic()
        assert dnspin.reload(timeout=30)
        times.append(time.monotonic() - began)
        assert kernel_count(lab) == (CLIENTS - 1) * PINS + 1, "those of c7 alone are gone"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return ("first answer {:.2f} s after SIGTERM, {:.2f} s after kill -9; flush restored in {:.2f} "
            "s; one client reloaded in {:.2f} s".format(*times))


def dnspin_client(number):
    v4, v6 = addresses(number)
    return f"address {v4} {v6}\n{rules_of(number)}"


if __name__ == "__main__":
    trial.run(many, qubes=("work",))
