# dnspin in the template. dnspin.tar lies beside this file; packaging/qubes/install.sh --archive
# makes it, on the distribution that the template has.

# A minimal template lacks them; the agent's networking part brings nftables and conntrack.
dnspin-needs:
  pkg.installed:
    - pkgs:
      - qubes-core-agent-networking
      - libnotify-bin
      - notification-daemon

dnspin-archive:
  file.managed:
    - name: /var/lib/dnspin/dnspin.tar
    - source: salt://sys-dnspin/dnspin.tar
    - makedirs: true
    - mode: '0644'
    - require:
      - pkg: dnspin-needs

# Files, then what install.sh does in its place: libraries, users, modes, /etc/dnspin.
dnspin-installed:
  cmd.run:
    - name: tar -C / -xf /var/lib/dnspin/dnspin.tar && sh /usr/share/dnspin/install.sh --finish
    - onchanges:
      - file: dnspin-archive
