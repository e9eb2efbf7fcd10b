"""A link between two network devices: a rate, a delay, packets that get lost, each way.

For kernels without netem, which do the same in the kernel. The devices end with this program.
usage: link.py DEVICE DEVICE MBIT DELAY_MS LOST_PERCENT
"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

# As much as waits before the link at its rate; what comes then is dropped, as routers do.
QUEUE_SECONDS = 0.02
# Packets are taken and handed on together where they come closer than this: a call of the system each
# is what a packet costs here.
TICK_SECONDS = 0.0005
PACKET_BYTES_MAX = 65536


def device(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Way:
    """One direction."""

    def __init__(self, source, target, bytes_per_second, delay, lost):
        self.source, self.target = source, target
        self.second_per_byte, self.delay, self.lost = 1 / bytes_per_second, delay, lost
        self.free_at = 0.0
        self.waiting = collections.deque()

    def take(self):
        """Takes what was sent, or decides that it gets lost."""
        while True:
            try:
                packet = os.read(self.source, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            now = time.monotonic()
            begin = max(now, self.free_at)
            if random.random() < self.lost or begin - now > QUEUE_SECONDS:
                continue
            self.free_at = begin + len(packet) * self.second_per_byte
            self.waiting.append((self.free_at + self.delay, packet))

    def hand_on(self):
        """Hands on what has arrived."""
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, packet = self.waiting.popleft()
            try:
                os.write(self.target, packet)
            except (BlockingIOError, OSError):
                # The other end has no room, or is not up: the packet is lost, as on any link.
                continue


def main():
    one, other, mbit, delay_ms, lost_percent = sys.argv[1:]
    one, other = device(one), device(other)
    nature = float(mbit) * 1e6 / 8, float(delay_ms) / 1e3, float(lost_percent) / 100
    ways = [Way(one, other, *nature), Way(other, one, *nature)]
    print("the link is ready", flush=True)
    while True:
        dues = [way.waiting[0][0] for way in ways if way.waiting]
        if dues:
            time.sleep(max(TICK_SECONDS, min(min(dues) - time.monotonic(), TICK_SECONDS * 2)))
        else:
            select.select([one, other], [], [])
        for way in ways:
            way.take()
            way.hand_on()


main()
