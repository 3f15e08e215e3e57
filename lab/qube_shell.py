"""A shell for a person in one of a lab's namespaces, with a few words to look at dnspin."""

import shlex
import signal
import subprocess

WELCOME = """\
This is a root shell with the network of "{name}"; its files are those of this machine. {whose}

{rules}
{words}
Look   pins        what is open now      kernel      the firewall itself
       journal     what dnspind logged   dnspin …    dnspind's own tool
Leave  exit        and everything is gone again
"""

TRY = """\
Try    curl http://market.test/          works, again and again
       curl http://casino.test/          refused by name
       dig casino.test                   and why
       curl -m 3 http://203.0.113.40/    refused by address"""


def open_shell(lab, daemon, where, rules):
    """Runs it on this terminal until the person leaves."""
    namespace = lab.netvm if where == "netvm" else lab.qube(where)
    tool = shlex.join([str(daemon.bin / "dnspin"), "--run-dir", str(daemon.run_dir)])
    netvm = shlex.join(lab.netvm.argv([]))
    startup = lab.scratch / "bashrc"
    startup.write_text(f"""
PS1='[{where}] \\$ '
unset PROMPT_COMMAND HISTFILE
dnspin() {{ {tool} "$@"; }}
pins() {{ dnspin pins "$@"; }}
journal() {{ tail -n 20 {shlex.quote(str(daemon.log_file))}; }}
kernel() {{ {netvm} nft list ruleset; }}
""")
    shown = "\n".join("    " + line for line in rules.splitlines()) + "\n"
    has_rules = where == "work"  # whose they are
    print(WELCOME.format(name=where, rules=shown, words=TRY if has_rules else "",
                         whose="Its rules:" if has_rules else "The rules of work:"), flush=True)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for what runs in the shell
    command = namespace.argv(["bash", "--noprofile", "--rcfile", startup, "-i"])
    subprocess.run(command, check=False)
    return 0
