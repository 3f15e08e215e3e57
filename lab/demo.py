#!/usr/bin/python3 -B
"""Shows dnspin's main job to somebody who has never heard of it, and proves each claim on the way.

Run by `./dev demo`, as root. All of it happens in network namespaces of its own; nothing of this
machine is changed, and nothing is left, not even after Ctrl-C or kill -9.
"""

import argparse
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# pylint: disable=wrong-import-position
from lab import Daemon, Lab, LabError, RoundRobin, Servers, evil, zones  # noqa: E402
from lab.qube_shell import open_shell  # noqa: E402
from lab.resolve_once import ResolveOnce  # noqa: E402
from lab.story import Story  # noqa: E402

RULES = """\
# What the qube "work" may reach. Everything else is shut.
accept market.test    tcp 80      # a shop with 200 addresses
accept www.shop.test  tcp 80      # an alias of an alias of an alias
accept six.test       tcp 80      # a site with IPv6 only
accept .evil.test     tcp 80      # whose owner is going to cheat
"""
OTHER_RULES = "accept docs.test tcp 80\n"
CASINO = "203.0.113.40"
ATTACKS = ("private-9", "private-5", "private-1", "private6-8", "private6-11", "mixed", "foreign",
           "additional", "nxdomain", "class", "links-17", "loop", "wrong-id", "wrong-port")

PICTURE = """
  work      10.137.0.25 ──┐
                          ├── netvm: the firewall, with dnspin ── the internet
  personal  10.137.0.26 ──┘
"""


def page(qube, url):
    """What curl shows: the address reached, or None."""
    result = qube.curl(url)
    return result.stdout.split()[2].rstrip(",") if result.stdout.startswith("Hello from") else None


def visit(story, qube, seconds, every):
    """Opens the shop over and over; returns how many visits worked, failed, and where they went."""
    began, worked, failed, met = time.monotonic(), 0, 0, []
    line = ""
    while time.monotonic() - began < seconds:
        reached = page(qube, "http://market.test/")
        worked, failed = worked + bool(reached), failed + (not reached)
        met += [reached] if reached else []
        line += "✔" if reached else "✘"
        time.sleep(max(0.0, every * (worked + failed) - (time.monotonic() - began)))
    story.notes(f"{line}   one mark for each visit, {every:g} s apart")
    return worked, failed, set(met)


def excerpt(listing, most=8):
    """The listing with an element a line, and only the first few of them."""
    head, _, elements = listing.partition("elements = { ")
    lines = re.split(r",\s+(?=[0-9a-f:.]+ timeout)", elements.split("}")[0].strip())
    more = [f"… {len(lines) - most} more"] if len(lines) > most else []
    return head + "elements = {" + "".join(f"\n\t\t\t{line}" for line in lines[:most] + more) + " }"


class Demo:
    def __init__(self, lab, story, fast):
        self.lab, self.story, self.fast = lab, story, fast
        self.work, self.personal = lab.qubes
        self.servers = Servers(lab)
        self.market = RoundRobin(zones.ROUND_ROBIN, told=8, ttl=5, every=2)
        self.servers.authority.at("market.test", self.market)
        self.dnspin = None

    def start_dnspin(self):
        self.dnspin = Daemon(self.lab, clients={"work": RULES, "personal": OTHER_RULES})

    def introduce(self):
        self.story.title("dnspin: a firewall written in names")
        self.story.say("""
            Two qubes (virtual machines) reach the internet through a third one, which is their
            firewall. Here they are network namespaces of this machine, made for this run and gone
            after it; a real DNS server (nsd), a real web server (nginx) and a scripted DNS server
            that can cheat play the internet. Your own network is not touched.""")
        self.story.show(PICTURE)
        self.story.say('The qube "work" has a file of rules:')
        self.story.show(RULES)
        self.story.say("""
            The shop has 200 addresses. Its DNS tells 8 of them at a time, says that they hold for
            5 seconds, and tells the next 8 every 2 seconds, as large sites do.""")

    def resolve_once(self):
        story = self.story
        story.step("A firewall that resolves names once breaks the shop")
        story.tries("look market.test up when the rules are applied, as most firewalls do, let "
                    "work reach those addresses, then visit the shop over and over")
        story.expects("works at first, then fails, though the rules allow it all the time")
        self.market.began = time.monotonic()
        firewall = ResolveOnce(self.lab, {"work": ["market.test"]})
        worked, failed, _ = visit(story, self.work, 4 if self.fast else 8, 0.5)
        firewall.close()
        story.happened(worked > 0 and failed > 0, f"{worked} visits worked, {failed} were cut off")

    def always(self):
        story = self.story
        story.step("With dnspin an allowed site always works, wherever its addresses go")
        story.tries("the same visits, with dnspin as the qubes' DNS server: it puts the addresses "
                    "of each answer into the firewall first, and lets the answer go second")
        story.expects("every visit works")
        self.start_dnspin()
        worked, failed, met = visit(story, self.work, 6 if self.fast else 16, 0.5)
        held = self.lab.netvm.pinned_addresses(self.work)
        story.happened(worked > 0 and failed == 0, f"{worked} of {worked + failed} visits worked, "
                       f"at {len(met)} addresses; {len(held)} of the shop's 200 are open for work")
        story.tries("an alias of an alias of an alias, www.shop.test; and six.test, IPv6 only")
        for name, address in (("www.shop.test", "203.0.113.21"), ("six.test", "2001:db8:6::1")):
            reached = page(self.work, f"http://{name}/")
            story.happened(reached in (address, "2001:db8:5::21"), f"{name}: page of {reached}")

    def forbidden(self):
        story, work = self.story, self.work
        story.step("A site that no rule names stays shut, by name and by address")
        story.tries("dig casino.test")
        story.expects("refused, and the question goes nowhere")
        before = self.servers.authority.count("casino.test")
        reply = work.dig("casino.test")
        story.happened(reply.status == "REFUSED" and
                       self.servers.authority.count("casino.test") == before,
                       f"{reply.status}, with reason {reply.ede} \"{reply.ede_text}\"")
        story.tries(f"its address by hand: {CASINO}, port 80")
        story.expects("the firewall's reject")
        self.blocked(work, CASINO, 80)
        pinned = self.lab.netvm.pinned_addresses(work)
        shop = next((address for address in zones.ROUND_ROBIN if address in pinned), "198.51.100.1")
        story.tries(f"the shop's own address {shop}, but port 443, which the rule does not name")
        self.blocked(work, shop, 443)
        story.tries("another DNS server, 192.0.2.53, past dnspin")
        reply = work.dig("casino.test", server="192.0.2.53", timeout=1)
        story.happened(reply.status == "TIMEOUT", "no answer" if reply.status == "TIMEOUT"
                       else f"answered: {reply.status}")

    def blocked(self, qube, address, port):
        attempt = qube.connect(address, port)
        self.story.happened(attempt.outcome in ("prohibited", "silent"),
                            f"{qube.name} to {address} port {port}: {attempt.outcome}")

    def reached(self, qube, address, port=80):
        attempt = qube.connect(address, port)
        self.story.happened(bool(attempt), f"{qube.name} to {address}: {attempt.outcome}")

    def others(self):
        story = self.story
        story.step("What one qube looked up opens nothing for the other")
        reply = self.work.ask("market.test")
        address = reply.addresses[0] if reply.addresses else "198.51.100.1"
        story.tries(f"{address}, which work was just told, from both qubes")
        story.expects("open for work, shut for personal")
        self.reached(self.work, address)
        self.blocked(self.personal, address, 80)
        reply = self.personal.dig("market.test")
        story.happened(reply.status == "REFUSED", f"personal asks for market.test: {reply.status}")

    def attacks(self):
        story, work = self.story, self.work
        self.personal.listen(80)  # one of the things to be reached
        story.step("Who owns an allowed name cannot open anything else with it")
        story.tries("an honest answer of evil.test first, to see that such answers do open")
        reply = work.ask("good.evil.test")
        story.happened(reply.addresses == [evil.GOOD],
                       f"good.evil.test: {reply.status} {', '.join(reply.addresses)}")
        self.reached(work, evil.GOOD)
        story.tries("then its owner cheats")
        story.expects("nothing opens, ever")
        for label in ATTACKS:
            trick = evil.BY_LABEL[label]
            reply = work.ask(trick.name, trick.kind)
            opened = evil.opened(self.lab, work, trick)
            told = [address for address in trick.forbidden if address in reply.addresses]
            answered = reply.status != "TIMEOUT"  # else nothing would be proved
            story.happened(answered and not opened and not told, f"{trick.what:44} {reply.status:9}"
                           + (f" OPENED {opened}" if opened else " nothing opened"))

    def kernel(self):
        story, netvm = self.story, self.lab.netvm
        story.step("What is open can be seen: in the kernel, in the journal, with one command")
        pins = netvm.pins(self.work)
        held = {pin.address for pin in pins}
        name = next((pin.set for pin in pins if "." in pin.address), "none")
        story.say(f"The kernel's own words (nft list set ip dnspin {name}): which address, how "
                  "long still, and the rule and name it is open for.")
        story.show(excerpt(netvm.nft_list("set", "ip", "dnspin", name)))
        story.say("dnspind's journal, the last lines:")
        lines = [line.text for line in self.dnspin.log()]
        story.show("\n".join(lines[-8:]))
        listed = {pin["address"] for pin in self.dnspin.control("pins", "work")}
        pinned = [line for line in lines if line.startswith("pinned work market.test")]
        story.happened(bool(held), f"{len(held)} addresses of work in the kernel")
        story.happened(listed == held, "`dnspin pins` lists the same ones")
        story.happened(bool(pinned), f"{len(pinned)} journal lines about market.test")
        leaked = self.dnspin.metric("dnspin_answers_released_unpinned_total")
        story.happened(leaked == 0, f"answers let go before their pins were in: {leaked:g}"
                       if leaked is not None else "the counter of unpinned answers is missing")

    def broken(self):
        story, work = self.story, self.work
        story.step("Dead dnspin means a shut firewall, and a new one goes on where it ended")
        told = work.ask("market.test").addresses or ["198.51.100.1"]
        story.tries("kill -9 of dnspind; then what work was told already, and the casino")
        story.expects("what was told stays reachable, nothing else opens")
        self.dnspin.kill()
        self.reached(work, told[0])
        self.blocked(work, CASINO, 80)
        reply = work.ask("good.evil.test", timeout=1)
        story.happened(not reply.addresses, f"DNS tells no address: {reply.status}")
        before = self.lab.netvm.pinned_addresses(work)
        story.tries("start it again")
        self.dnspin.start()
        kept = before & self.lab.netvm.pinned_addresses(work)
        story.happened(before and kept == before, f"{len(kept)} of {len(before)} pins taken over")
        story.happened(page(work, "http://market.test/") is not None, "and the shop works")

    def run(self):
        self.introduce()
        for chapter in (self.resolve_once, self.always, self.forbidden, self.others, self.attacks,
                        self.kernel, self.broken):
            chapter()


def arguments():
    parser = argparse.ArgumentParser(prog="./dev demo",
                                     description="dnspin at work, in network namespaces.")
    parser.add_argument("--shell", nargs="?", const="work", choices=("work", "personal", "netvm"),
                        help="instead of the story: a shell in a qube (default: work)")
    parser.add_argument("--fast", action="store_true", help="fewer visits")
    parser.add_argument("--quiet", action="store_true", help="only what was proved")
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        print("network namespaces need root: run ./dev demo", file=sys.stderr)
        return 2
    story = Story(quiet=options.quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Lab() as lab:
            demo = Demo(lab, story, options.fast)
            if options.shell:
                demo.start_dnspin()
                return open_shell(lab, demo.dnspin, options.shell, RULES)
            demo.run()
        proved = story.end()
    except LabError as error:
        print(f"./dev demo: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left of it.", file=sys.stderr)
        return 130
    print("\nEverything it made is gone again. To try it yourself: ./dev demo --shell")
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
