/* Taking and finishing, helping in scope, and a waiting thread's sleep: PROTOCOL.md 4, 5 and 6.

   Two threads of the host wait for a half each, numbers 0 and 1. One worker runs the two, one after the other, and forks
   number 2 in each of them. Who waits for one task must not run what the other forked.

   With HELPED there is one thread that waits, and the leaf beside number 2 waits until somebody else has begun that: so
   a thread that sleeps while it could help is a deadlock. */

#define INTERPRETERS 2
#define HOST 0
#define WORKER 1
#define STATE(n) (1 + (n))
#define WAITER(n) (4 + (n))
#define REQUEST 7              /* the words of the worker's seat */
#define BUSY 8
#define public 9
#define WORDS 10
#include "states.pml"
#include "memory.pml"

#define BELL 3                 /* the worker's doorbell; that of the thread which waits for n is n + 1 */
bit bell[4];
bit courier;                   /* the worker's */
byte parent;                   /* `SlotWord.PARENT` of number 2 */
byte kind;                     /* of its outcome */
chan given = [2] of { byte };  /* the host's channel */
chan channel = [1] of { byte };  /* the worker's */
bit ledger;                    /* whether number 2 is private */
byte seen;                     /* `Seat.seen` of the seat that the host's threads share */
byte begun;                    /* how often number 2 has begun since it was forked */

/* -- finishing ------------------------------------------------------------------------------------------------------ */

/* `finish` */
inline finish(me, n) {
  d_step {
    STORE(me, STATE(n), DONE);
#ifndef NO_FENCE_AFTER_DONE
    FENCE(me);
#endif
    waiter = LOAD(me, WAITER(n))
  };
  if
  :: d_step { waiter -> FENCE(me); bell[waiter] = 1; waiter = 0 }
  :: !waiter
  fi
}

/* -- publishing ----------------------------------------------------------------------------------------------------- */

/* `Station.respond`, with `Seat._send` and `Station.wake_for`. */
inline respond() {
  d_step { STORE(WORKER, REQUEST, 0) };
  if
  :: d_step {
       ledger && empty(channel) ->
       ledger = 0;
       STORE(WORKER, STATE(2), READY); STORE(WORKER, WAITER(2), 0); parent = LOAD(WORKER, BUSY);
       FENCE(WORKER); channel!2; STORE(WORKER, public, LOAD(WORKER, public) + 1)
     };
     goto wake
  :: d_step { !ledger && nempty(channel) -> FENCE(WORKER) };
wake: skip;
     d_step {
#ifndef NO_FENCE_BEFORE_WAKE
       FENCE(WORKER);
#endif
       if :: LOAD(WORKER, BUSY) -> waiter = LOAD(WORKER, WAITER(LOAD(WORKER, BUSY) - 1)) :: else fi
     };
     if
     :: d_step { waiter -> FENCE(WORKER); bell[waiter] = 1; waiter = 0 }
     :: !waiter
     fi
  :: d_step { !ledger && empty(channel) -> FENCE(WORKER); STORE(WORKER, REQUEST, 1) }
  fi
}

active proctype attend() {
  byte waiter;
end:
  do
  :: d_step { courier && !(ledger && LOAD(WORKER, REQUEST)) -> courier = 0 }
  :: d_step { courier && ledger && LOAD(WORKER, REQUEST) -> courier = 0 }; respond()
  od
}

/* -- the worker ----------------------------------------------------------------------------------------------------- */

#define ANSWER \
  :: d_step { !LOAD(WORKER, REQUEST) -> ledger = 1 } \
  :: d_step { LOAD(WORKER, REQUEST) -> ledger = 1 }; respond()

#define RUN begun++; assert(begun == 1)

active proctype worker() {
  byte n, waiter;
end:
  do
  :: d_step { given?n -> STORE(WORKER, STATE(n), TAKEN) };
#ifndef BUSY_LATE
     d_step { STORE(WORKER, BUSY, n + 1); FENCE(WORKER); begun = 0 };
     if                                            /* `_slept_on` */
     :: d_step { LOAD(WORKER, WAITER(n)) -> STORE(WORKER, REQUEST, 1) }
     :: !LOAD(WORKER, WAITER(n))
     fi;
#else
     d_step { FENCE(WORKER); begun = 0; STORE(WORKER, BUSY, n + 1) };
#endif
     if
     ANSWER
     fi;
#ifdef HELPED
     begun;
#endif
     if
     :: d_step { ledger -> ledger = 0; RUN }
     :: !ledger;
        if
        :: d_step { channel?_ -> FENCE(WORKER); RUN }
        :: d_step { empty(channel) -> FENCE(WORKER) };
           do                                      /* `wait`, which has nobody to help here */
           :: d_step { LOAD(WORKER, STATE(2)) == DONE -> FENCE(WORKER) }; break
           :: d_step { LOAD(WORKER, STATE(2)) != DONE -> bell[BELL] = 0; STORE(WORKER, WAITER(2), BELL);
#ifndef NO_FENCE_BEFORE_SLEEP
                FENCE(WORKER)
#endif
              };
              if
              :: LOAD(WORKER, STATE(2)) == DONE
              :: LOAD(WORKER, STATE(2)) != DONE; bell[BELL]
              fi;
              d_step { STORE(WORKER, WAITER(2), 0) }
           od;
           if
           :: d_step { kind == DECLINED -> RUN; kind = VALUE }
           :: kind == VALUE
           fi
        fi
     fi;
     assert(begun == 1);
     d_step { STORE(WORKER, BUSY, 0) };
     finish(WORKER, n);
     n = 0
  od
}

/* -- who waits ------------------------------------------------------------------------------------------------------ */

#define FAMILY (LOAD(HOST, BUSY) == n + 1)

/* `wait` */
proctype wait(byte n) {
  byte stamp, waiter;
  do
  :: LOAD(HOST, STATE(n)) == DONE -> break
  :: d_step { LOAD(HOST, STATE(n)) != DONE -> stamp = LOAD(HOST, public) };
     if                                            /* `_help`: look */
     :: stamp != seen && FAMILY ->
        if                                         /* get */
        :: d_step { channel?_ -> FENCE(HOST); STORE(HOST, STATE(2), TAKEN); stamp = 0 };
           if                                      /* verify */
#ifndef NO_VERIFY
           :: parent == n + 1 ->
#else
           :: true ->
#endif
              d_step { FENCE(HOST); assert(parent == n + 1); RUN }
           :: parent != n + 1 -> kind = DECLINED
           fi;
           finish(HOST, 2);
           goto next
        :: d_step { empty(channel) -> FENCE(HOST); seen = stamp; stamp = 0 }
        fi
     :: stamp == seen || !FAMILY -> stamp = 0
     fi;
     if                                            /* `_ask` */
     :: d_step { FAMILY -> STORE(HOST, REQUEST, 1) }
     :: skip
     fi;
     if
     :: goto next
     :: skip
     fi;
     d_step {                                      /* `_sleep` */
       bell[n + 1] = 0; STORE(HOST, WAITER(n), n + 1);
#ifndef NO_FENCE_BEFORE_SLEEP
       FENCE(HOST)
#endif
     };
     if
     :: d_step { FAMILY -> STORE(HOST, REQUEST, 1); stamp = 1 }
     :: !FAMILY
     fi;
     if
     :: LOAD(HOST, STATE(n)) == DONE
     :: LOAD(HOST, STATE(n)) != DONE;
        if
        :: d_step { stamp && LOAD(HOST, public) != seen && len(channel) -> FENCE(HOST) }
        :: !(stamp && LOAD(HOST, public) != seen && len(channel));
           if
           :: d_step { stamp -> FENCE(HOST); courier = 1 }
           :: !stamp
           fi;
           bell[n + 1]
        fi
     fi;
     d_step { STORE(HOST, WAITER(n), 0); stamp = 0 };
next: skip
  od
}

init {
#ifdef HELPED
  atomic { given!0; run wait(0) }
#else
  atomic {
    given!0; given!1; run wait(0);
#ifdef TWO
    run wait(1)
#endif
  }
#endif
}
