/* Push and pop in private, publish, revoke and take back: PROTOCOL.md 1 and 3.

   Two threads of the host share one seat. The first joins inside the first callable of a join; the other joins once, or
   with BUNDLE forks three callables at once. Their courier publishes, and so do they, at any time. A worker takes what
   stands on the channel, at any time or never. A first callable may raise: then the other one is withdrawn.

   A call is a number, and so are the half that it becomes and its fork: 1 and 2 are the outer and the inner second of
   the first thread, 3 is the other thread's. With BUNDLE, 3 is a fork whose halves are 4 and 5. */

#include "states.pml"

#define SENTINEL 0
#define NOTHING 255
#define FORK 3
#define CALLS 6
#define SLOTS 2
#define fork(half) (half > FORK -> FORK : half)

byte ledger[6];                /* `Seat.ledger`, and how long it is */
byte length;
mtype state[CALLS];            /* `Half.state` */
byte number[CALLS];            /* `Half.number` */
bit open[CALLS];               /* `Seat.open` */
bit declined[CALLS];           /* `Seat.declined` */
byte public[SLOTS];            /* `Seat.public`: the half in each slot, 0 where it is free */
bit done[SLOTS];
byte shown;
byte writer;
byte lock;
chan channel = [SLOTS] of { byte };
byte ran[CALLS];
bit withdrawn[CALLS];
byte over;
#ifdef BUNDLE
bit left[CALLS];               /* `Bundle` */
bit kept[CALLS];
#define PRIVATE_CALLS (ran[1] + withdrawn[1] == 1 && ran[2] + withdrawn[2] == 1 && ran[4] == 1 && ran[5] == 1)
#else
#define PRIVATE_CALLS (ran[1] + withdrawn[1] == 1 && ran[2] + withdrawn[2] == 1 && ran[3] + withdrawn[3] == 1)
#endif

/* -- parts of a step: GIL-atomic ------------------------------------------------------------------------------------ */

#define APPEND(entry) ledger[length] = entry; length++

#define POP(entry) \
  if \
  :: length > 0 -> length--; entry = ledger[length]; ledger[length] = 0 \
  :: else -> entry = NOTHING \
  fi

#define DELETE(place) \
  length--; \
  if :: place <= 0 -> ledger[0] = ledger[1] :: else fi; \
  if :: place <= 1 -> ledger[1] = ledger[2] :: else fi; \
  if :: place <= 2 -> ledger[2] = ledger[3] :: else fi; \
  ledger[3] = ledger[4]; ledger[4] = 0

#define INSERT(place, entry) \
  ledger[4] = ledger[3]; \
  if :: place <= 2 -> ledger[3] = ledger[2] :: else fi; \
  if :: place <= 1 -> ledger[2] = ledger[1] :: else fi; \
  if :: place <= 0 -> ledger[1] = ledger[0] :: else fi; \
  ledger[(place < length -> place : length)] = entry; \
  length++

#define RUN(call) assert(ran[call] + withdrawn[call] == 0); ran[call]++

/* -- publishing ----------------------------------------------------------------------------------------------------- */

inline acquire() { atomic { lock == 0 -> lock = _pid } }
inline let_go() { lock = 0 }

/* `Seat._draw`, with `Seat._half_of`. */
inline draw() {
  acquire();
#ifndef TWO_WRITERS
  if :: writer -> goto drawn :: else fi;
#endif
  if :: public[0] && public[1] -> goto drawn :: else fi;
  standing = len(channel) > 0;
again: skip;
  d_step {
    if
    :: length > 1 -> half = ledger[1]; DELETE(1)
    :: else
    fi
  };
  if
  :: half == 0
#ifndef MIXED_FORKS
  :: half && standing && shown != half -> d_step { INSERT(1, half); half = 0 }
  :: half && !(standing && shown != half) ->
#else
  :: half ->
#endif
#ifdef BUNDLE
     if
     :: half != FORK -> d_step { open[half] = 1; state[half] = WRITING; writer = _pid }
     :: half == FORK ->
        d_step {                                   /* `Bundle.draw` */
          if
          :: left[5] -> left[5] = 0; half = 5; state[5] = WRITING
          :: !left[5] && left[4] -> left[4] = 0; half = 4; state[4] = WRITING
          :: else -> half = 0
          fi
        };
        if
        :: half == 0 -> goto again
        :: half -> d_step { INSERT(1, FORK); writer = _pid }
        fi
     fi
#else
     d_step { open[half] = 1; state[half] = WRITING; writer = _pid }
#endif
  fi;
drawn:
  standing = 0;
  let_go()
}

#ifdef BUNDLE
#define KEEP if :: half > FORK -> kept[half] = 1 :: else fi
#else
#define KEEP skip
#endif

/* `Seat._send` */
inline send() {
  if
  :: half == 0
  :: d_step {                                      /* it cannot cross */
       half && lock == 0 ->
       if :: state[half] == WRITING -> state[half] = PRIVATE; KEEP :: else fi;
       writer = 0; half = 0
     }
  :: d_step {
       half && lock == 0 ->
#ifndef SENDS_REVOKED
       if
       :: state[half] == WRITING ->
#endif
          slot = (public[0] == 0 -> 0 : 1);
          public[slot] = half;
          number[half] = slot;
          shown = fork(half);
          state[half] = PUBLIC;
          channel!slot;
          slot = 0
#ifndef SENDS_REVOKED
       :: else
       fi
#endif
       ;
       writer = 0; half = 0
     }
  fi
}

/* -- an owner ------------------------------------------------------------------------------------------------------- */

/* `Seat.find`: under the lock, what was popped goes back, and then the call is looked for, from the top. */
inline find(call) {
  acquire();
  d_step {                                         /* `Seat._give_back` */
    if
    :: popped == NOTHING
    :: popped == SENTINEL -> if :: length == 0 || ledger[0] != SENTINEL -> INSERT(0, SENTINEL) :: else fi
    :: else ->
#ifndef NEVER_DECLINED
       if
       :: declined[popped] -> declined[popped] = 0
       :: else -> APPEND(popped)
       fi
#else
       APPEND(popped)
#endif
    fi;
    popped = length
  };
  do                                               /* `Seat._find` */
#ifndef FROM_PLACE_1
  :: d_step { popped > 0 && ledger[popped - 1] == call -> popped--; DELETE(popped); popped = 0 }; break
  :: d_step { popped > 0 && ledger[popped - 1] != call -> popped-- }
  :: d_step { popped == 0 -> if :: open[call] -> open[call] = 0; found = 1 :: else -> declined[call] = 1 fi }; break
#else
  :: d_step { popped > 1 && ledger[popped - 1] == call -> popped--; DELETE(popped); popped = 0 }; break
  :: d_step { popped > 1 && ledger[popped - 1] != call -> popped-- }
  :: d_step { popped <= 1 -> if :: open[call] -> open[call] = 0; found = 1 :: else -> declined[call] = 1 fi }; break
#endif
  od;
  popped = 0;
  let_go()
}

/* `Seat.take_back` */
#define TAKE_BACK(whose) \
  if \
  :: shown == whose && len(channel) -> \
     channel?slot; \
     assert(fork(public[slot]) == whose); \
     state[public[slot]] = PRIVATE; taken = public[slot]; public[slot] = 0; slot = 0 \
  :: else \
  fi

/* `Seat.revoke` */
inline revoke(call) {
#ifndef UNLOCKED
  d_step {
    lock == 0 ->
    if :: state[call] == WRITING -> state[call] = PRIVATE :: else fi;
    if :: state[call] == PUBLIC -> TAKE_BACK(call); taken = 0 :: else fi
  }
#else
  d_step { if :: state[call] == WRITING -> state[call] = PRIVATE :: else fi };
  if
  :: state[call] == PUBLIC && shown == call;       /* looked, and then */
     d_step { if :: len(channel) -> channel?slot; taken = public[slot]; assert(taken == call); state[taken] = PRIVATE; public[slot] = 0; slot = 0; taken = 0 :: else fi }
  :: !(state[call] == PUBLIC && shown == call)
  fi
#endif
}

/* `Seat.release`, of what `wait` waited for. */
#define RELEASE(call) public[number[call]] = 0; done[number[call]] = 0; state[call] = HOME

/* `settle` */
inline settle(call) {
  find(call);
  if
  :: d_step { !found -> RUN(call) }
  :: found ->
     found = 0;
     revoke(call);
     if
     :: d_step { state[call] == PRIVATE -> RUN(call) }
     :: d_step { state[call] == PUBLIC && done[number[call]] -> RELEASE(call) }
     fi
  fi
}

/* `abandon`: the first callable raised. */
inline abandon(call) {
  popped = NOTHING;
  find(call);
  if
  :: d_step { !found -> assert(ran[call] == 0); withdrawn[call] = 1 }
  :: found ->
     found = 0;
     revoke(call);
     if
     :: d_step { state[call] == PRIVATE -> assert(ran[call] == 0); withdrawn[call] = 1 }
     :: d_step { state[call] == PUBLIC && done[number[call]] -> RELEASE(call) }
     fi
  fi
}

/* `FastJoin`: push; and pop, after the first callable. */
inline push(call) {
  d_step { APPEND(call) };
  if
  :: draw(); send()
  :: skip
  fi
}

inline pop(call) {
  if
  :: d_step { POP(popped) };
     if
     :: d_step { popped == call -> popped = 0; RUN(call) }
     :: popped != call -> settle(call)
     fi
  :: abandon(call)
  fi
}

proctype outer() {
  byte half, slot, popped, taken;
  bit found, standing;
  push(1);
  push(2);
  pop(2);
  pop(1);
  over++
}

#ifndef BUNDLE

proctype beside() {
  byte half, slot, popped, taken;
  bit found, standing;
  push(3);
  pop(3);
  over++
}

#else

/* `join_all`, with `Bundle.next`, `Bundle.outstanding` and `Station.withdraw`. */
proctype beside() {
  byte half, slot, popped, taken;
  bit standing;
  push(FORK);
  do
  :: d_step { left[4] -> left[4] = 0; RUN(4) }
  :: d_step { !left[4] && left[5] -> left[5] = 0; RUN(5) }
  :: d_step {
       !left[4] && !left[5] && lock == 0 ->
       if
       :: kept[4] -> kept[4] = 0; taken = 4
       :: !kept[4] && kept[5] -> kept[5] = 0; taken = 5
       :: else ->
          if
          :: state[4] == WRITING -> state[4] = PRIVATE; taken = 4
          :: state[4] != WRITING && state[5] == WRITING -> state[5] = PRIVATE; taken = 5
          :: else -> TAKE_BACK(FORK)
          fi
       fi
     };
     if
     :: d_step { taken -> RUN(taken); taken = 0 }
     :: taken == 0 -> break
     fi
  od;
  do
  :: d_step { state[4] == PUBLIC && done[number[4]] -> RELEASE(4) }
  :: d_step { state[5] == PUBLIC && done[number[5]] -> RELEASE(5) }
  :: state[4] != PUBLIC && state[5] != PUBLIC -> break
  od;
  popped = length;
  do
  :: d_step { popped > 0 && ledger[popped - 1] == FORK -> popped--; DELETE(popped) }
  :: d_step { popped > 0 && ledger[popped - 1] != FORK -> popped-- }
  :: popped == 0 -> break
  od;
  over++
}

#endif

/* -- others --------------------------------------------------------------------------------------------------------- */

proctype courier() {
  byte half, slot;
  bit standing;
end:
  do
  :: length > 1 -> draw(); send()
  od
}

/* `perform` */
proctype worker() {
  byte slot;
end:
  do
  :: d_step { channel?slot -> RUN(public[slot]) };
     d_step { done[slot] = 1; slot = 0 }
  od
}

init {
  atomic {
    length = 1;
#ifdef BUNDLE
    left[4] = 1; left[5] = 1;
#endif
    run outer(); run beside(); run courier(); run worker()
  };
  over == 2 && lock == 0 && writer == 0 && length == 1;
  assert(ledger[0] == SENTINEL && PRIVATE_CALLS);
  assert(!open[1] && !open[2] && !open[3] && !declined[1] && !declined[2] && !declined[3] && !public[0] && !public[1])
}
