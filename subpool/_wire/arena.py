"""The board and the slots: one block of shared memory that every interpreter of a pool sees through a memoryview.

**Board.** 64-bit words, each a *hint*: what it says may be outdated the moment it was read, and nothing is decided by
it but where to look and whom to ring. Every word has one writer (named beside it), except `REQUEST`,
`LIMITS` and `Arena.rung`.

**Slots.** A slot holds one published piece of work on its way out and, in the same place, its outcome on the way home.
Who may touch it is decided by a queue: the *owner* until its number is put on a channel, the *taker* that got it until
it sets `STATE` to done, then the owner again. Only the owner frees it. A *batch* holds up to `BATCH_ITEMS` calls of one
function; each of its items has a number, a claim and a cell for its outcome of its own. What a slot or a batch held is
wiped when nobody needs it any more (`Arena.wipe`): no argument, result or error stays in memory that all can see.

Assumptions: aligned 64-bit loads and stores through a memoryview are not torn; stores become visible in an order that
queue operations (a process-wide mutex) enforce where it matters.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BATCH_ARGS",
    "BATCH_BYTES",
    "BATCH_ITEMS",
    "CELL_BYTES",
    "LIMITS",
    "SLOT_BYTES",
    "Arena",
    "BatchWord",
    "SeatWord",
    "SlotWord",
    "Stage",
    "Stat",
]


class SeatWord:
    """A seat's words, by their place in its block. Writer: the seat's own interpreter, unless said otherwise."""

    REQUEST: Final = 0  # nonzero: somebody is hungry, publish. Writers: anybody sets, the seat clears
    STAGE: Final = 1  # how far the worker has come, a `Stage`
    COURIER_STAGE: Final = 2  # how far the worker's courier has come, a `Stage`; `LEAVING` means: without its worker
    LIMITS: Final = 3  # this and the next four: limits of pipelines that began here. Writers: anybody; each a hint
    BUSY: Final = 8  # worth asking? number + 1 of the slot whose task the seat runs, -1 for work of its own, 0 for none
    BELL: Final = 9  # address of the seat's doorbell, 0 if it has none
    COURIER: Final = 10  # address of the doorbell of the seat's courier
    INBOX: Final = 11  # queue for outcomes too large for their slots. Writer: the host at start
    CHANNEL: Final = 12  # queue on which the seat publishes halves. Writer: the host at start
    BACKLOG: Final = 13  # queue on which the seat publishes background tasks. Writer: the host at start
    MORE: Final = (
        14  # nonzero: not all background tasks are published; ring for more when fewer than this are on BACKLOG
    )
    RETIRE: Final = 15  # nonzero: the worker should end after its task. Writer: the host
    LATE: Final = 16  # nonzero: what this worker runs was given up. Writers: any owner sets, the host clears
    RETURNS: Final = 18  # queue on which what this interpreter has lent comes back, 0 if it has lent nothing
    ASKED: Final = 17  # nonzero: the queue on which the worker's courier should say what it does. Writer: the host


class Stage:
    """How far a worker has come."""

    MAKING: Final = 0  # its interpreter is being made, and has imported nothing of the user's
    PREPARING: Final = 1  # code of the user's runs: `preload`, `initializer`
    PRESENT: Final = 2  # it looks for tasks, and runs them
    LEAVING: Final = 3  # code of the user's runs: `finalizer`, threads that tasks have started
    GONE: Final = 4  # its interpreter is being destroyed
    FAILED: Final = 5  # likewise, and it never looked for tasks


class SlotWord:
    """A slot's header. Words without a writer named are the owner's; they are read by whoever got the number."""

    STATE: Final = 0  # phase | kind << 3 | (taker's seat or outcome's length) << 8. Writer: whoever holds the number
    CANCEL: Final = 1  # nonzero: the taker should stop
    TIME: Final = (
        2  # perf_counter_ns at the start; minus the nanoseconds of running time before `DONE`. Writer: the taker
    )
    WAITER: Final = 3  # address of the doorbell to ring when done, 0 if nobody sleeps; negative: only if it failed
    PARENT: Final = 4  # the scope tag: number + 1 of the slot whose task published this one, 0 for a root
    OWNER: Final = 5  # the seat that published it
    LENGTH: Final = 6  # of the payload, in bytes
    FUNCTION: Final = 7  # how much of the payload is the function, in bytes; the rest are arguments


class BatchWord:
    """Words that a batch has besides a slot's, or instead of them."""

    ITEMS: Final = 0  # in the header: how many items it holds
    WHOLE: Final = 1  # in the header: nonzero where the arguments of all items are one written list
    PLACE: Final = 3  # in an item's cell: its arguments' first byte << 32 | their length; then the outcome begins here


class Stat:
    """Counters, one block per seat. Writer: the seat's own interpreter."""

    COMPLETED: Final = 0
    FAILED: Final = 1
    CANCELLED: Final = 2
    PUBLISHED: Final = 3
    STOLEN: Final = 4
    TAKEN_BACK: Final = 5
    WITHDRAWN: Final = 6
    HELPED: Final = 7
    SLEEPS: Final = 8
    WAKES: Final = 9


LIMITS: Final = 5
"""How many words of a seat are limits of pipelines."""
GLOBAL_WORDS: Final = 8
SEAT_WORDS: Final = 24
STAT_WORDS: Final = 16
SLOT_WORDS: Final = 64
CELL_WORDS: Final = 8
PATH_BYTES: Final = 16384
BATCH_ITEMS: Final = 64
BATCH_WORDS: Final = 1024
HEADER_WORDS: Final = 8
SLOT_BYTES: Final = (SLOT_WORDS - HEADER_WORDS) * 8
"""Room for a payload in a slot."""
CELL_BYTES: Final = (CELL_WORDS - 3) * 8
"""Room for an outcome in a batch's cell."""
BATCH_BYTES: Final = (BATCH_WORDS - HEADER_WORDS - BATCH_ITEMS * CELL_WORDS) * 8
"""Room for the payload of a batch."""
BATCH_ARGS: Final = (HEADER_WORDS + BATCH_ITEMS * CELL_WORDS) * 8
"""Where a batch's payload begins, in bytes from its start."""


SLOT_ZEROS: Final = bytes((SLOT_WORDS - 2) * 8)
PAYLOAD_ZEROS: Final = bytes(SLOT_BYTES)
BATCH_ZEROS: Final = bytes(BATCH_WORDS * 8)


class Arena:
    """The geometry of the shared block, over a memoryview of it. The same in every interpreter."""

    def __init__(self, memory: memoryview | None, seats: int, slots: int, batches: int) -> None:
        """Lay the block out for so many seats, slots and batches; `memory` is None where it is made."""
        self.seats: int = seats
        self.slots: int = slots
        self.batches: int = batches
        public = GLOBAL_WORDS
        backlog = public + seats
        idle = backlog + seats
        flags = -(-seats // 8)
        blocks = -(-(idle + 3 * flags) // 8) * 8
        self.stats_at: int = blocks + seats * SEAT_WORDS
        self.slots_at: int = self.stats_at + seats * STAT_WORDS
        self.batches_at: int = self.slots_at + slots * SLOT_WORDS
        path_at = (self.batches_at + batches * BATCH_WORDS) * 8
        size = path_at + PATH_BYTES
        self.memory: memoryview[int] = memoryview(bytearray(size)) if memory is None else memory
        self.words: memoryview[int] = self.memory.cast("q")
        self.stop: memoryview[int] = self.words[0:1]  # nonzero: the pool ends; 2: couriers do, too. Writer: the host
        self.beat: memoryview[int] = self.words[
            1:2
        ]  # the thieves' shared beat in microseconds. Writer: whichever thief measured last
        self.public: memoryview[int] = self.words[
            public:backlog
        ]  # per seat: a stamp, new whenever something new is on its CHANNEL
        self.backlog: memoryview[int] = self.words[backlog:idle]  # per seat: the same for its BACKLOG
        self.idle: memoryview[int] = self.memory[
            idle * 8 : idle * 8 + seats
        ]  # per seat: an `Idle` state. Writer: the seat
        rung, halves = (idle + flags) * 8, (idle + 2 * flags) * 8
        self.rung: memoryview[int] = self.memory[
            rung : rung + seats
        ]  # per seat: nonzero, somebody rings its worker, or has. Writers: anybody sets, the worker clears
        self.halves: memoryview[int] = self.memory[
            halves : halves + seats
        ]  # per seat: nonzero, its worker takes halves alone, no background jobs. Writer: the seat
        self.path_version: memoryview[int] = self.words[2:3]  # even: `path` is whole. Writer: the host
        self.path_length: memoryview[int] = self.words[3:4]  # Writer: the host
        self.path: memoryview[int] = self.memory[path_at:]  # the host's `sys.path`, written. Writer: the host
        self._blocks = blocks

    @property
    def geometry(self) -> tuple[int, int, int]:
        """What another interpreter needs, besides the memory, to see the same arena."""
        return self.seats, self.slots, self.batches

    def seat(self, index: int) -> int:
        """Where a seat's block begins, in words."""
        return self._blocks + index * SEAT_WORDS

    def stat(self, index: int) -> int:
        """Where a seat's counters begin, in words."""
        return self.stats_at + index * STAT_WORDS

    def header(self, number: int) -> int:
        """Where the header for a slot's or batch item's number begins, in words."""
        if number < self.slots:
            return self.slots_at + number * SLOT_WORDS
        return self.batches_at + (number - self.slots) // BATCH_ITEMS * BATCH_WORDS

    def cell(self, number: int) -> int:
        """Where the words `SlotWord.STATE`, `SlotWord.CANCEL` and `SlotWord.TIME` of a number begin, in words."""
        if number < self.slots:
            return self.slots_at + number * SLOT_WORDS
        batch, item = divmod(number - self.slots, BATCH_ITEMS)
        return self.batches_at + batch * BATCH_WORDS + HEADER_WORDS + item * CELL_WORDS

    def wipe(self, number: int) -> None:
        """Forget what a slot held, but for how it ended; or all of a batch. The whole costs no more than a part."""
        begin = self.header(number) * 8
        if number < self.slots:
            begin += 2 * 8
            self.memory[begin : begin + len(SLOT_ZEROS)] = SLOT_ZEROS
        else:
            self.memory[begin : begin + len(BATCH_ZEROS)] = BATCH_ZEROS

    def wipe_call(self, number: int) -> None:
        """Forget the arguments of a call that will not be run; unless they are one piece with those of others."""
        words, header = self.words, self.header(number)
        if number < self.slots:
            begin = (header + HEADER_WORDS) * 8
            self.memory[begin : begin + SLOT_BYTES] = PAYLOAD_ZEROS
        elif not words[header + BatchWord.WHOLE]:
            place = words[self.cell(number) + BatchWord.PLACE]
            begin, length = header * 8 + BATCH_ARGS + (place >> 32), place & 0xFFFFFFFF
            self.memory[begin : begin + length] = bytes(length)

    def wipe_all(self) -> None:
        """Forget what all slots and batches hold."""
        begin = self.slots_at * 8
        self.memory[begin:] = bytes(len(self.memory) - begin)

    def outcome_room(self, number: int) -> tuple[int, int]:
        """Where the outcome of a number goes: first byte, and how many there are."""
        if number < self.slots:
            return (self.slots_at + number * SLOT_WORDS + HEADER_WORDS) * 8, SLOT_BYTES
        return (self.cell(number) + 3) * 8, CELL_BYTES
