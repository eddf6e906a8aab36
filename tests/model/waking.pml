/* Two interpreters publish at once, and wake one worker each: PROTOCOL.md 6.

   The two things that they publish, a half and a background job, wait for each other: so it is a deadlock if a worker
   sleeps beside the second one. */

#define INTERPRETERS 4
#define public 1
#define backlog 2
#define idle(worker) (2 + (worker))
#define RUNG(worker) (4 + (worker))
#define WORDS 7
#include "states.pml"
#include "memory.pml"

chan channel = [1] of { bit };
chan jobs = [1] of { bit };
bit begun[2];

#define STAMPS(me) (LOAD(me, public) + 2 * LOAD(me, backlog))
#define ASK(me) skip
#define LEAVE_STANDING(me) skip
#define RING_COURIERS(me) skip
#define NOTE_SLEPT slept = 1
#include "idling.pml"

/* `Seat._send` and `Station.wake_for` */
active proctype publish() {
  byte woken;
  d_step { channel!0; FENCE(0); STORE(0, public, 1) };
  d_step { FENCE(0) };
  wake(0)
}

/* `Backlog._send`, of another interpreter */
active proctype feed() {
  byte woken;
  d_step { jobs!1; FENCE(3); STORE(3, backlog, 1) };
#ifndef NO_FENCE_BEFORE_WAKE
  d_step { FENCE(3) };
#endif
  wake(3)
}

/* `WorkerStation.work` */
proctype work(byte me) {
  byte seen, now, woken;
  bit deep, crowded, taken, slept;
  do
  :: d_step { STORE(me, idle(me), WORKING); now = STAMPS(me) };
     if
     :: d_step { now != seen && len(channel) -> channel?taken; FENCE(me); now = 0 }; break
     :: d_step { now != seen && !len(channel) -> FENCE(me) };
        if
        :: d_step { len(jobs) -> jobs?taken; FENCE(me); now = 0 }; break
        :: d_step { !len(jobs) -> FENCE(me); seen = now; now = 0 }
        fi
     :: now == seen
     fi;
     nap(me)
  od;
#ifndef NOT_PASSED_ON
  if                                               /* `WorkerStation.pass_on` */
  :: slept && SLEEPING(me);
     if
     :: d_step { len(channel) + len(jobs) > 0 -> FENCE(me) }; wake(me)
     :: len(channel) + len(jobs) == 0
     fi
  :: !(slept && SLEEPING(me))
  fi;
#endif
  begun[taken] = 1;
  begun[1 - taken]
}

init { atomic { run work(1); run work(2) } }
