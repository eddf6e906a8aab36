/* A half is private, and workers are hungry: PROTOCOL.md 2, 3 and 6.

   The host's leaf waits until somebody has taken the half that its join offers: so it is a deadlock if a worker sleeps
   with its request gone beside that private half, or beside the published one. There is one worker, and the host joins
   twice; with CROWD there are two, one of which may be the other's clock, and it joins once. */

#define INTERPRETERS 3
#define REQUEST 1              /* the words of the host's seat */
#define public 2
#define idle(worker) (2 + (worker))
#define RUNG(worker) (4 + (worker))
#define WORDS 7
#include "states.pml"
#include "memory.pml"

bit courier;                   /* the host's: whether it was rung */
chan channel = [1] of { bit };
bit ledger;
bit begun;

#define STAMPS(me) LOAD(me, public)
#define ASK(me) if :: !LOAD(me, REQUEST) -> STORE(me, REQUEST, 1) :: else fi
#define LEAVE_STANDING(me) if :: !crowded -> STORE(me, REQUEST, 1) :: else fi
#define RING_COURIERS(me) FENCE(me); courier = 1
#define NOTE_SLEPT skip
#include "idling.pml"

/* `Station.respond`, with `Seat._draw`, `Seat._send` and `Station.wake_for`. */
inline respond() {
  d_step { STORE(0, REQUEST, 0); drawn = ledger; ledger = 0 };
  if
  :: d_step { drawn -> drawn = 0; FENCE(0); channel!1; STORE(0, public, LOAD(0, public) + 1) };
     goto wake_for
  :: d_step { !drawn && len(channel) -> FENCE(0) };
wake_for: skip;
#ifndef NO_FENCE_BEFORE_WAKE
     d_step { FENCE(0) };
#endif
     wake(0)
  :: d_step {
       !drawn && !len(channel) -> FENCE(0);
#ifndef SWALLOWED
       STORE(0, REQUEST, 1)
#endif
     }
  fi
}

/* `FastJoin`: the look at the request and the push are one step, for nothing between them lets go of the GIL; or
   `join_two`, which pushes before it looks. */
inline push() {
#ifdef LOOK_THEN_PUSH
  if
  :: !LOAD(0, REQUEST) -> ledger = 1
  :: LOAD(0, REQUEST) -> ledger = 1; respond()
  fi
#else
  if
  :: d_step { !LOAD(0, REQUEST) -> ledger = 1 }
  :: d_step { LOAD(0, REQUEST) -> ledger = 1 }; respond()
  fi
#endif
}

/* Two joins, one after the other. The leaf of the first may end at any time. */
active proctype join() {
  bit drawn;
  byte woken;
#ifndef CROWD
  push();
  if
  :: d_step { ledger -> ledger = 0 }
  :: !ledger;
     if
     :: d_step { len(channel) -> channel?_; FENCE(0) }
     :: begun
     fi
  fi;
  begun = 0;
#endif
  push();
  begun;
  over = 1;
  d_step { bell[1] = 1; bell[2] = 1 }
}

/* `Station.attend` */
active proctype attend() {
  bit drawn;
  byte woken;
end:
  do
  :: d_step { courier -> courier = 0 };
#ifndef ANSWERS_ONCE
     do
     :: ledger && LOAD(0, REQUEST) -> respond()
     :: !(ledger && LOAD(0, REQUEST)) -> break
     od
#else
     if
     :: ledger && LOAD(0, REQUEST) -> respond()
     :: !(ledger && LOAD(0, REQUEST))
     fi
#endif
  od
}

/* `WorkerStation.work` */
proctype work(byte me) {
  byte seen, now;
  bit deep, crowded;
  do
  :: over -> break
  :: d_step { !over -> STORE(me, idle(me), WORKING); now = STAMPS(me) };
     if                                            /* `WorkerStation._foreground` */
     :: d_step { now != seen && len(channel) -> channel?_; FENCE(me); now = 0; begun = 1 }
     :: d_step { now != seen && !len(channel) -> FENCE(me); seen = now; now = 0 }
     :: now == seen
     fi;
     nap(me)
  od
}

init {
  atomic {
    run work(1);
#ifdef CROWD
    run work(2)
#endif
  }
}
