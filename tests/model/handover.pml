/* Of two idle workers the first gets work, and forks in it: PROTOCOL.md 2 and 6.

   Until then it may have been the clock for the other, which sleeps. Its leaf waits until the other has taken the half
   that it offers: so it is a deadlock if the other sleeps beside that. */

#define INTERPRETERS 3
#define REQUEST 1              /* the words of worker 1's seat */
#define BUSY 2
#define public 3
#define given 4                /* the stamp of the host's channel */
#define idle(worker) (4 + (worker))
#define RUNG(worker) (6 + (worker))
#define WORDS 9
#include "states.pml"
#include "memory.pml"

bit courier;                   /* worker 1's: whether it was rung */
chan channel = [1] of { bit };
bit ledger;
bit begun;

#define STAMPS(me) (me == 1 -> LOAD(me, given) : LOAD(me, public))
#define ASK(me) if :: me == 2 && LOAD(me, BUSY) && !LOAD(me, REQUEST) -> STORE(me, REQUEST, 1) :: else fi
#define LEAVE_STANDING(me) if :: me == 2 && !crowded -> STORE(me, REQUEST, 1) :: else fi
#define RING_COURIERS(me) FENCE(me); if :: me == 2 && LOAD(me, BUSY) -> courier = 1 :: else fi
#define NOTE_SLEPT skip
#include "idling.pml"

/* `Station.respond` */
inline respond() {
  d_step { STORE(1, REQUEST, 0); drawn = ledger; ledger = 0 };
  if
  :: d_step { drawn -> drawn = 0; FENCE(1); channel!1; STORE(1, public, 1) };
     goto wake_for
  :: d_step { !drawn && len(channel) -> FENCE(1) };
wake_for: skip;
     d_step { FENCE(1) };
     wake(1)
  :: d_step { !drawn && !len(channel) -> FENCE(1); STORE(1, REQUEST, 1) }
  fi
}

/* `Station.attend` */
active proctype attend() {
  bit drawn;
  byte woken;
end:
  do
  :: d_step { courier -> courier = 0 };
     do
     :: ledger && LOAD(1, REQUEST) -> respond()
     :: !(ledger && LOAD(1, REQUEST)) -> break
     od
  od
}

/* The host publishes what worker 1 will get. */
active proctype publish() {
  byte woken;
  d_step { STORE(0, given, 1); FENCE(0) };
  wake(0)
}

/* `WorkerStation.work`, with `perform` and in it a `join` */
active proctype taker() {
  byte me = 1, seen, now, woken;
  bit deep, crowded, drawn;
  do
  :: d_step { STORE(me, idle(me), WORKING); now = STAMPS(me) };
     if
     :: now -> now = 0; break
     :: !now
     fi;
     nap(me)
  od;
  skip;
  d_step { FENCE(me) };                            /* the `get` */
#ifndef NO_HAND_OVER
  if                                               /* `Idling.hand_over` */
  :: d_step { SLEEPING(me) -> STORE(me, REQUEST, 1) }
  :: !SLEEPING(me)
  fi;
#endif
#ifndef BUSY_LATE
  d_step { STORE(me, BUSY, 1) };
  d_step { FENCE(me) };
#else
  d_step { FENCE(me) };
  d_step { STORE(me, BUSY, 1) };
#endif
  if
  :: d_step { !LOAD(me, REQUEST) -> ledger = 1 }
  :: d_step { LOAD(me, REQUEST) -> ledger = 1 }; respond()
  fi;
  begun
}

/* `WorkerStation.work` */
active proctype other_worker() {
  byte me = 2, seen, now;
  bit deep, crowded;
  do
  :: d_step { STORE(me, idle(me), WORKING); now = STAMPS(me) };
     if
     :: d_step { now != seen && len(channel) -> channel?_; FENCE(me); begun = 1 }; break
     :: d_step { now != seen && !len(channel) -> FENCE(me); seen = now; now = 0 }
     :: now == seen
     fi;
     nap(me)
  od
}
