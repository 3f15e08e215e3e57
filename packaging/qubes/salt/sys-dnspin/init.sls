# A netvm "sys-dnspin" between sys-net and the qubes that you give it, and a template of its own.
# After the model of Qubes OS's qvm/sys-firewall.sls. This folder is /srv/user_salt/sys-dnspin in
# dom0:
#
#   sudo qubesctl state.apply sys-dnspin saltenv=user
#   sudo qubesctl --skip-dom0 --targets=debian-13-dnspin \
#     state.apply sys-dnspin.template saltenv=user
#
# Another template? Change both names below, here and in the commands. What is there already stays.

debian-13-dnspin:
  qvm.clone:
    - source: debian-13-minimal

sys-dnspin-present:
  qvm.present:
    - name: sys-dnspin
    - template: debian-13-dnspin
    - label: green
    - require:
      - qvm: debian-13-dnspin

sys-dnspin-prefs:
  qvm.prefs:
    - name: sys-dnspin
    - netvm: sys-net
    - provides-network: true
    - autostart: true
    - memory: 300
    - maxmem: 500
    - require:
      - qvm: sys-dnspin-present

sys-dnspin-features:
  qvm.features:
    - name: sys-dnspin
    - enable:
      - servicevm
    - require:
      - qvm: sys-dnspin-present

# Without qubes-firewall nobody filters; with it, dnspin says who.
sys-dnspin-services:
  qvm.service:
    - name: sys-dnspin
    - enable:
      - qubes-firewall
      - dnspin
    - require:
      - qvm: sys-dnspin-present
