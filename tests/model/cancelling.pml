/* Cancelling, setting aside, and the end of a slot's use: PROTOCOL.md 4 and 8.

   A thread of the host has two halves run, one after the other, in one slot. Another thread, such as the courier for a
   scope that failed, may ask either of them to stop. A taker that stays too long then is set aside, and another worker
   starts; it may come back late, or die. */

#define INTERPRETERS 3
#define STATE 1                /* the words of the slot */
#define CANCEL 2
#define TIME 3
#define WAITER 4
#define WORDS 5
#include "states.pml"
#include "memory.pml"

#define PHASE(word) ((word) & 3)
#define MARK(seat) (TAKEN + 4 * (seat))
#define OUTCOME(kind) (DONE + 4 * (kind))
#define BELL 1
bit bell;

chan channel = [1] of { bit };
byte half;                     /* which one is in the slot, from 1 */
mtype state = HOME;            /* `Half.state`, of that */
bit orphan;                    /* `Owner.orphans`: the slot is not free yet */
bit lock;                      /* `Seat.lock` */
byte holder;                   /* the seat that has the number, and may write into the slot */
byte clock;
bit ran[3];
bit asked[3];                  /* to stop */
bit unbegun[3];                /* asked to, and seen not to have begun */
bit aside[3];
bit dead[3];
byte overdue;                  /* `Owner._overstayed` will look for this taker, and a task that began at that time */
byte begun;

/* `Owner.arrived` */
#define ARRIVED (PHASE(LOAD(0, STATE)) == DONE || LOAD(0, CANCEL) == GONE)

/* `Owner.tell` */
#define TELL FENCE(0); if :: LOAD(0, WAITER) -> bell = 1 :: else fi

/* The owner: `Seat.fill`, `wait`, `conclude` and `Seat.release`. */
active proctype owner() {
  do
  :: half == 2 || orphan -> break
  :: d_step {
       half < 2 && !orphan ->
       assert(!holder);
       half++; state = PUBLIC;
       STORE(0, STATE, READY); STORE(0, CANCEL, 0); FENCE(0); STORE(0, TIME, 0); STORE(0, WAITER, 0); FENCE(0);
       channel!1
     };
     do
     :: ARRIVED -> break
     :: d_step { !ARRIVED -> bell = 0; STORE(0, WAITER, BELL) };
#ifndef NO_FENCE_BEFORE_SLEEP
        d_step { FENCE(0) };
#endif
        if
        :: ARRIVED
        :: !ARRIVED -> bell
        fi
     od;
     skip;
     d_step {
#ifndef UNLOCKED
       !lock ->
#endif
       assert(asked[half] || LOAD(0, CANCEL) != GONE);
#ifndef NO_QUARANTINE
       orphan = PHASE(LOAD(0, STATE)) != DONE;
#endif
       state = HOME; STORE(0, WAITER, 0); FENCE(0)
     }
  od
}

/* `Seat.cancel`, with `Owner.cancel` */
active proctype cancel() {
  byte whom;
end:
  do
#ifndef UNLOCKED
  :: d_step { !lock && state == PUBLIC && !asked[half] && !ARRIVED -> lock = 1; asked[half] = 1; STORE(0, CANCEL, STOP) };
#else
  :: d_step { state == PUBLIC && !asked[half] && !ARRIVED -> whom = half; asked[half] = 1 };
     d_step { assert(half == whom && state == PUBLIC); STORE(0, CANCEL, STOP) };
#endif
#ifndef NO_FENCE_AFTER_STOP
     d_step { FENCE(0) };
#endif
     d_step {
       if
       :: PHASE(LOAD(0, STATE)) == TAKEN -> overdue = LOAD(0, STATE) / 4; begun = LOAD(0, TIME)
       :: PHASE(LOAD(0, STATE)) == READY -> unbegun[half] = 1
       :: else
       fi;
       lock = 0
     }
  od
}

/* The host's courier: `Owner._overstayed`, `Crew.set_aside` and `Owner.give_up`, of which the look and the mark are one
   step, since nothing between them lets go of the GIL; `Owner.reap`. The thread of a worker that died: `Crew._ended`,
   `Crew._fail_taken`. */
active proctype attend() {
end:
  do
  :: d_step {
       overdue ->
       if
#ifndef ANY_TASK_OF_ITS
       :: LOAD(0, STATE) == MARK(overdue) && LOAD(0, TIME) == begun ->
#else
       :: LOAD(0, STATE) == MARK(overdue) ->
#endif
          assert(asked[half]);
          aside[overdue] = 1; STORE(0, CANCEL, GONE); TELL
       :: else
       fi;
       overdue = 0; begun = 0
     }
  :: d_step { orphan && PHASE(LOAD(0, STATE)) == DONE -> orphan = 0; FENCE(0) }
  :: d_step {
       dead[1] || dead[2] ->
       if
       :: LOAD(0, STATE) == MARK((dead[1] -> 1 : 2)) ->
          holder = 0; STORE(0, STATE, OUTCOME(LOST));
#ifndef DIES_SILENTLY
          TELL
#endif
       :: else
       fi;
       if :: dead[1] -> aside[1] = 1 :: else fi;
       dead[1] = 0; dead[2] = 0
     }
  od
}

/* `perform`, with `finish` */
proctype worker(byte me) {
  byte wish;
end:
  do
  :: d_step {
       !aside[me] && (me == 1 || aside[1]) && len(channel) ->
       channel?_; FENCE(me); holder = me; clock++; STORE(me, TIME, clock); STORE(me, STATE, MARK(me))
     };
#ifndef NO_FENCE_AFTER_TAKEN
     d_step { FENCE(me) };
#endif
     wish = LOAD(me, CANCEL);
     if
     :: d_step { wish -> wish = 0; holder = 0; STORE(me, STATE, OUTCOME(CANCELLED)) }
     :: d_step { !wish -> assert(!unbegun[half] && !ran[half]); ran[half] = 1 };
        if
        :: d_step { holder = 0; STORE(me, STATE, OUTCOME(VALUE)) }
        :: d_step { dead[me] = 1; FENCE(me) }; break
        fi
     fi;
#ifndef NO_FENCE_AFTER_DONE
     d_step { FENCE(me) };
#endif
     wish = LOAD(me, WAITER);
     if
     :: d_step { wish -> wish = 0; FENCE(me); bell = 1 }
     :: !wish
     fi
  od
}

init { atomic { run worker(1); run worker(2) } }
