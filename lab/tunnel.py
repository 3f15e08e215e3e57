"""An interface of a namespace whose other end is this process: a TUN device.

    vif = Tunnel(lab.netvm, "vif1.0")
    vif.write(octets)      comes in by the interface; the kernel is done with it on return
    vif.read()             all that has gone out by it since, packet by packet

Thus a packet that has been forwarded, or answered by the kernel, can be read as soon as write()
has returned, and one that cannot was dropped: nobody needs to wait.
"""

import fcntl
import os
import struct

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
QUEUE = 4096        # packets that wait to be read; what does not fit is lost
PACKET_MAX = 65535


class Tunnel:
    def __init__(self, namespace, name, group=0):
        self.name, self._namespace = name, namespace
        with namespace.enter():
            self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(self._device, TUNSETIFF,
                    struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        namespace.ip(f"link set {name} txqueuelen {QUEUE} group {group} up")

    def write(self, octets):
        os.write(self._device, octets)

    def read(self):
        packets = []
        while True:
            try:
                packets.append(os.read(self._device, PACKET_MAX))
            except BlockingIOError:
                return packets

    def close(self):
        """The interface is gone."""
        os.close(self._device)
