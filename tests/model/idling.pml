/* How a worker idles, and how it is woken: `WorkerStation.work`, `Idling.seek`, `Idling._nap` and `Station.wake`.

   For the models that include this: workers are 1 and 2. They say what there is to find (STAMPS), whom to ask (ASK,
   LEAVE_STANDING), whose couriers to ring (RING_COURIERS), and whether to note that somebody was seen asleep (NOTE_SLEPT,
   `Idling.slept`); the words idle(worker) and RUNG(worker) are theirs, too.
   Time is left out: a nap may end at any moment, a worker may sleep deeply at any time, and ask before that or not. */

bit bell[3];                   /* the doorbells of the workers: whether they were rung */
bit over;                      /* all is done: `Arena.stop` */

#define other (3 - me)

/* `Idling._clocks` */
#define CLOCKS(me) (LOAD(me, idle(3 - (me))) == SEEKING || LOAD(me, idle(3 - (me))) == NAPPING)

/* `Station.sleeping` */
#define ASLEEP_UNRUNG(worker) (LOAD(me, idle(worker)) >= NAPPING && !LOAD(me, RUNG(worker)))
#define SLEEPING(me) ASLEEP_UNRUNG(3 - (me))

/* `Station.wake`, for one. The mark may be late: it waits in the buffer until the ring. */
#ifdef MARKED_LATE
#define MARK(worker) skip
#else
#define MARK(worker) STORE(me, RUNG(worker), 1)
#endif
inline wake(me) {
  if
  :: d_step { ASLEEP_UNRUNG(1) -> woken = 1; MARK(1) }
  :: !ASLEEP_UNRUNG(1)
  fi;
  if
  :: d_step { !woken && ASLEEP_UNRUNG(2) -> woken = 2; MARK(2) }
  :: woken || !ASLEEP_UNRUNG(2)
  fi;
  if
#ifdef MARKED_LATE
  :: d_step { woken -> FENCE(me); bell[woken] = 1 }; d_step { STORE(me, RUNG(woken), 1); woken = 0 }
#else
  :: d_step { woken -> FENCE(me); bell[woken] = 1; woken = 0 }
#endif
  :: !woken
  fi
}

/* `Idling.seek`, and `Idling._nap`. What the worker saw of the stamps is in `seen`. */
inline nap(me) {
  if
  :: d_step { STORE(me, idle(me), SEEKING); now = 0; ASK(me); crowded = CLOCKS(me) }
  :: d_step { STORE(me, idle(me), SEEKING); now = 0; crowded = CLOCKS(me) }
  fi;
  if
  :: d_step { deep = 1; bell[me] = 0; STORE(me, RUNG(me), 0); STORE(me, idle(me), ASLEEP); LEAVE_STANDING(me) }
  :: d_step { !crowded -> bell[me] = 0; STORE(me, RUNG(me), 0); STORE(me, idle(me), NAPPING) }
  fi;
#ifndef NO_FENCE_BEFORE_SLEEP
  d_step { FENCE(me) };
#endif
  if
#ifndef NO_LAST_LOOK
  :: STAMPS(me) != seen || over -> goto awake
#endif
#ifndef NO_RECOUNT
  :: crowded && !CLOCKS(me) -> goto awake
#endif
  :: STAMPS(me) == seen && !over && (CLOCKS(me) || !crowded)
  fi;
  if
  :: d_step { !crowded -> RING_COURIERS(me) }
  :: crowded || !deep
  fi;
#ifdef HUSHED_LATE
  bell[me] = 0;
#endif
  if
  :: d_step { bell[me] -> bell[me] = 0 }
  :: !deep
  fi;
awake: skip;
  d_step { STORE(me, idle(me), SEEKING); deep = 0; crowded = 0; NOTE_SLEPT }
}
