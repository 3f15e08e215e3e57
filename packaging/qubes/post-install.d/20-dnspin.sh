#!/bin/sh
# Tells dom0 that qubes of this template know the service "dnspin". Run by qubes.PostInstall.

set -eu
qvm-features-request supported-service.dnspin=1
