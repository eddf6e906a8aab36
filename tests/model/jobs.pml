/* A published job that two threads of the host want: PROTOCOL.md 7 and 8.

   Both join it; or one of them cancels it; and it may run too long, and be told to stop for that. The host's courier and
   its delivery thread feed the backlog, a worker takes. There is one slot.

   A feed is one step here, and whoever holds the lock makes up for those that were turned away as he lets go of it:
   feeding.pml shows that this is so. */

#define INTERPRETERS 2
#define STATE 1                /* the words of the slot */
#define CANCEL 2
#define WAITER 3
#define WORDS 4
#include "states.pml"
#include "memory.pml"

#define OUTCOME(kind) (DONE + 4 * (kind))
#define PHASE(word) ((word) & 3)
#define COURIER 3
#define DELIVERY 4
bit bell[5];                   /* the two threads', the courier's, the delivery thread's */

bit call = 1;                  /* `Job._call` */
bit sent;                      /* `Job._sent` */
bit number;                    /* whether it has a `Job._number` */
bit final;                     /* whether its outcome is set; whether that is that it was cancelled */
bit cancelled;
bit watched;                   /* `Job._watched` */
byte sleeper;                  /* `Job._sleeper` */
bit asleep[3];                 /* which threads wait at its condition */
bit waiting = 1;               /* whether it is in `Backlog.waiting` */
bit flying;                    /* whether it is in `Backlog.flying` */
chan channel = [1] of { bit };
byte lock;
bit again;
bit ran;
bit unbegun;                   /* its canceller saw that it had not begun */

/* -- parts of a step: GIL-atomic, or under the backlog's lock --------------------------------------------------------- */

#define RUN assert(!ran && !unbegun); ran = 1

#define NUDGE \
  asleep[1] = 0; asleep[2] = 0; \
  if :: sleeper -> bell[sleeper] = 1 :: else fi

/* `Task._complete` */
#define COMPLETE(how) \
  if :: !final -> final = 1; cancelled = how :: else fi; \
  NUDGE

/* `harvest`, with `_home` and `Backlog.put_back` */
#define HARVEST \
  if \
  :: flying && PHASE(LOAD(0, STATE)) == DONE -> \
     number = 0; flying = 0; \
     if \
     :: LOAD(0, STATE) == OUTCOME(DECLINED) -> \
        if :: sent -> sent = 0; if :: !final -> call = 1; waiting = 1 :: else fi; NUDGE :: else fi \
     :: else -> sent = 0; COMPLETE(LOAD(0, STATE) == OUTCOME(CANCELLED)) \
     fi \
  :: else \
  fi

/* `Backlog._send`, with `Backlog._launch` */
#define SEND \
  if \
  :: waiting && !flying -> \
     waiting = 0; \
     if \
     :: call -> \
        call = 0; number = 1; sent = 1; flying = 1; \
        STORE(0, STATE, READY); STORE(0, CANCEL, 0); STORE(0, WAITER, (watched -> DELIVERY : 0)); \
        NUDGE; channel!1; FENCE(0) \
     :: else \
     fi \
  :: else \
  fi

/* `Backlog._release` */
#define LET_GO \
  lock = 0; \
  if :: again -> again = 0; HARVEST; SEND :: else fi

/* -- steps of the host's threads -------------------------------------------------------------------------------------- */

/* `Backlog.feed` */
inline feed() {
  if
  :: d_step { !lock -> HARVEST; SEND }
  :: d_step { lock -> again = 1 }
  fi
}

/* `Backlog.claim`; and `Station.run_here`, if that gave the call. */
inline help(me) {
  if
  :: d_step { call -> call = 0; RUN }; d_step { COMPLETE(0) }
  :: d_step { !call && !lock && !(sent && number) -> sent = 0 }
  :: d_step { !call && !lock && sent && number && LOAD(0, CANCEL) == STOP ->
#ifdef CLAIM_LOST
       sent = 0
#endif
     }
  :: d_step { !call && !lock && sent && number && LOAD(0, CANCEL) != STOP ->
       lock = me; sent = 0; STORE(0, CANCEL, UNCLAIM) };
#ifndef NO_FENCE_AFTER_UNCLAIM
     d_step { FENCE(0) };
#endif
     if
     :: d_step { PHASE(LOAD(0, STATE)) == READY -> LET_GO }; d_step { RUN }; d_step { COMPLETE(0) }
     :: d_step { PHASE(LOAD(0, STATE)) != READY -> sent = 1; LET_GO }
     fi
  fi
}

/* `Host._sleep_for`, with `Backlog.announce` */
inline sleep_for(me) {
  if
  :: d_step { !lock && number && (LOAD(0, WAITER) == 0 || LOAD(0, WAITER) == me) -> lock = me; STORE(0, WAITER, me) };
#ifndef NO_FENCE_BEFORE_SLEEP
     d_step { FENCE(0) };
#endif
     if
     :: d_step { PHASE(LOAD(0, STATE)) == DONE -> LET_GO }
     :: d_step { PHASE(LOAD(0, STATE)) != DONE -> LET_GO };
        if
        :: final
        :: !final -> bell[me]
        fi
     fi
  :: !lock && !(number && (LOAD(0, WAITER) == 0 || LOAD(0, WAITER) == me))
  fi;
  feed();
  sleeper = 0
}

/* `Backlog.watch`, as the condition is made */
inline watch() {
  d_step { watched = 1; if :: number -> STORE(0, WAITER, DELIVERY); FENCE(0) :: else fi };
  if
  :: d_step { number && PHASE(LOAD(0, STATE)) == DONE -> bell[DELIVERY] = 1 }
  :: number && PHASE(LOAD(0, STATE)) != DONE
  :: !number -> feed()
  fi
}

/* `Task.join`, with `Host.await_job` */
inline join(me) {
  do
  :: final -> break
  :: !final ->
     help(me);
     feed();
     if
     :: d_step { !final && !sleeper -> sleeper = me; bell[me] = 0 }; sleep_for(me)
     :: final || sleeper
     fi;
     if
     :: !final && !watched -> watch()
     :: final || watched
     fi;
     if
     :: d_step { !final && !call -> asleep[me] = 1 }; !asleep[me]
     :: final || call
     fi
  od
}

/* `Task.cancel`, with `Backlog.stop` and `Owner.cancel` */
inline cancel(me) {
  d_step { COMPLETE(1) };
  if
  :: !cancelled
  :: cancelled ->
     call = 0;
     if
     :: !lock && !number
     :: d_step { !lock && number -> lock = me; STORE(0, CANCEL, STOP) };
#ifndef NO_FENCE_AFTER_STOP
        d_step { FENCE(0) };
#endif
        d_step { unbegun = (PHASE(LOAD(0, STATE)) == READY && sent); LET_GO }
     fi
  fi
}

/* -- processes ---------------------------------------------------------------------------------------------------------- */

proctype thread(byte me) {
#ifdef CANCELLER
  if
  :: me == 1 -> join(1)
  :: me == 2 -> cancel(2)
  :: me == 2                                       /* or leaves it alone */
  fi
#else
  join(me)
#endif
}

/* The courier, with deadlines: `Host.attend`, `Backlog._see_to`. */
active proctype attend() {
  bit late;
end:
  do
  :: d_step { bell[COURIER] -> bell[COURIER] = 0 }; feed()
  :: d_step { !late && !lock && number && PHASE(LOAD(0, STATE)) == TAKEN -> late = 1; STORE(0, CANCEL, STOP); FENCE(0) }
  od
}

active proctype delivery() {
end:
  do
  :: d_step { bell[DELIVERY] -> bell[DELIVERY] = 0 }; feed()
  od
}

/* `perform`, with `finish` */
active proctype worker() {
  byte wish, waiter;
end:
  do
  :: d_step { channel?_ -> FENCE(1); STORE(1, STATE, TAKEN) };
#ifndef NO_FENCE_AFTER_TAKEN
     d_step { FENCE(1) };
#endif
     wish = LOAD(1, CANCEL);
     if
     :: d_step { wish == STOP -> STORE(1, STATE, OUTCOME(CANCELLED)) }
     :: d_step { wish == UNCLAIM -> STORE(1, STATE, OUTCOME(DECLINED)) }
     :: d_step { !wish -> RUN }; d_step { STORE(1, STATE, OUTCOME(VALUE)) }
     fi;
#ifndef NO_FENCE_AFTER_DONE
     d_step { FENCE(1) };
#endif
     waiter = LOAD(1, WAITER);
     d_step {
       if :: waiter -> bell[waiter] = 1 :: else fi;
       if :: wish == UNCLAIM -> bell[COURIER] = 1 :: else fi;
       FENCE(1); wish = 0; waiter = 0
     }
  od
}

init { atomic { bell[COURIER] = 1; run thread(1); run thread(2) } }
