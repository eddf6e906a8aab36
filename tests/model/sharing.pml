/* Several threads of the host sleep over one half, and its slot is used again: PROTOCOL.md 6.

   A scope's owner leaves it while two others want the result of one of its tasks, of whom one may give up at any moment, or
   take the half back and run it. Once the half has moved, a join has another half in the slot, and sleeps over that. There
   is one word for a doorbell. */

#define INTERPRETERS 2
#define STATE 1                /* the words of the slot */
#define WAITER 2
#define WORDS 3
#include "states.pml"
#include "memory.pml"

#define OWNER 1
#define OTHER 2                /* this one may give up */
#define ANOTHER 3
#define JOINER 4
bit bell[5];

chan channel = [1] of { bit };
byte half;                     /* which one is in the slot */
mtype state[3];                /* `Half.state` */
bit lock;                      /* `Seat.lock` */
bit waiting[5];                /* `Owner.waiting`: who sleeps over the first half */

#define MOVED (state[1] != PUBLIC)
#define DONE_HERE (LOAD(0, STATE) == DONE)

/* `Owner.asleep_over`, of which one is as good as another. */
#define ASLEEP_OVER (waiting[OWNER] -> OWNER : (waiting[ANOTHER] -> ANOTHER : (waiting[OTHER] -> OTHER : 0)))

/* `Owner.moved` */
inline moved() {
#ifndef MOVES_SILENTLY
  d_step {
    if :: waiting[OWNER] -> bell[OWNER] = 1 :: else fi;
    if :: waiting[OTHER] -> bell[OTHER] = 1 :: else fi;
    if :: waiting[ANOTHER] -> bell[ANOTHER] = 1 :: else fi;
    lock = 0
  }
#else
  lock = 0
#endif
}

/* `bring_home`, with `Seat.release`. */
inline bring_home() {
  d_step { !lock -> lock = 1 };
  if
#ifndef HOME_TWICE
  :: d_step { state[1] == PUBLIC -> assert(half == 1); state[1] = HOME; FENCE(0) }; moved()
  :: d_step { state[1] != PUBLIC -> lock = 0 }
#else
  :: d_step { assert(half == 1 && state[1] == PUBLIC); state[1] = HOME; FENCE(0) }; moved()
#endif
  fi
}

inline take_back() {
  d_step { !lock -> lock = 1 };
  if
  :: d_step { half == 1 && len(channel) -> channel?_; state[1] = PRIVATE; FENCE(0) }; moved()
  :: d_step { !(half == 1 && len(channel)) -> lock = 0 }
  fi
}

inline hand_on() {
  d_step { !lock -> lock = 1 };
  if
  :: d_step {
       state[1] == PUBLIC && LOAD(0, WAITER) == me ->
#ifndef LEAVES_SILENTLY
       heir = ASLEEP_OVER;
#endif
       STORE(0, WAITER, heir)
     };
#ifndef HANDS_ON_BLINDLY
     if
     :: d_step { heir -> FENCE(0) };
        if
        :: d_step { DONE_HERE -> FENCE(0); bell[heir] = 1 }
        :: !DONE_HERE
        fi
     :: !heir
     fi;
#endif
     d_step { heir = 0; lock = 0 }
  :: d_step { !(state[1] == PUBLIC && LOAD(0, WAITER) == me) -> lock = 0 }
  fi
}

#ifndef ANNOUNCES_ANYWHERE
#define ANNOUNCE if :: state[1] == PUBLIC -> STORE(0, WAITER, me) :: else fi
#else
#define ANNOUNCE STORE(0, WAITER, me)
#endif

/* `wait`, for a half that is shared, and `Scope._arrivals`. */
proctype wait(byte me) {
  byte heir;
  if
  :: me == OTHER -> take_back()
  :: skip
  fi;
  do
  :: DONE_HERE || MOVED -> bring_home(); break
  :: me == OTHER -> break                          /* it gives up */
  :: d_step { !(DONE_HERE || MOVED) -> bell[me] = 0;
#ifndef ENTERS_LATE
       waiting[me] = 1
#endif
     };
     d_step { !lock -> ANNOUNCE };
#ifndef NO_FENCE_BEFORE_SLEEP
     d_step { FENCE(0) };
#endif
     if
     :: DONE_HERE || MOVED
     :: !(DONE_HERE || MOVED);
#ifdef ENTERS_LATE
        waiting[me] = 1;
#endif
        if
        :: bell[me]
        :: me == OTHER
        fi
     fi;
     waiting[me] = 0;
     hand_on();
     if
     :: me == OTHER -> break                       /* by Ctrl-C, or since it is late */
     :: skip
     fi
  od
}

/* Nobody else waits for its half: `Seat.fill`, then `wait`, `conclude`. */
proctype join() {
  d_step {
    !lock && state[1] != PUBLIC ->
    half = 2; state[2] = PUBLIC; STORE(0, STATE, READY); STORE(0, WAITER, 0); FENCE(0); channel!1
  };
  do
  :: DONE_HERE -> break
  :: d_step { !DONE_HERE -> bell[JOINER] = 0; STORE(0, WAITER, JOINER); FENCE(0) };
     if
     :: DONE_HERE
     :: !DONE_HERE; bell[JOINER]
     fi;
     d_step { STORE(0, WAITER, 0) }
  od;
  skip;
  d_step { assert(half == 2 && state[2] == PUBLIC); state[2] = HOME }
}

/* `finish` */
active proctype worker() {
  byte waiter;
end:
  do
  :: d_step { channel?_ -> FENCE(1) };
     d_step { STORE(1, STATE, DONE) };
     d_step { FENCE(1) };
     waiter = LOAD(1, WAITER);
     if
     :: d_step { waiter -> FENCE(1); bell[waiter] = 1; waiter = 0 }
     :: !waiter
     fi
  od
}

init { atomic { half = 1; state[1] = PUBLIC; channel!1; run wait(OWNER); run wait(OTHER); run wait(ANOTHER); run join() } }
