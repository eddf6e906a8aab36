/* Feeding with one lock: PROTOCOL.md 9.

   Two threads of one interpreter add a job each and feed; a third holds the lock for something else meanwhile; a feed may
   be called inside of a feed. In the end nothing may be left unsent. All steps are GIL-atomic: there are no buffers. */

byte lock;
bit again;
byte waiting;
byte over;

/* `Backlog.feed` */
inline feed() {
#ifdef AGAIN_AFTER_THE_ATTEMPT
  goto attempt;
#endif
  again = 1;
  do
  :: !again -> break
  :: again ->
attempt:
     if
     :: atomic { lock == 0 -> lock = _pid }
     :: lock != 0 ->                                /* turned away */
#ifdef AGAIN_AFTER_THE_ATTEMPT
        again = 1;
#endif
        break
     fi;
     again = 0;
     waiting = 0;                                  /* harvests, and sends */
     if
     :: again = 1                                  /* a feed inside, which leaves at once */
     :: skip
     fi;
     lock = 0
#ifdef LOOKS_ONCE
     ; break
#endif
  od
}

/* `Backlog.offer` */
proctype add() {
  waiting++;
  feed();
  over++
}

/* `Backlog.claim` */
proctype claim() {
  atomic { lock == 0 -> lock = _pid };
  lock = 0;                                        /* `Backlog._release` */
#ifndef LETS_GO_SILENTLY
  if
  :: again -> feed()
  :: else
  fi;
#endif
  over++
}

init {
  atomic { run add(); run add(); run claim() };
  over == 3;
  assert(!waiting)
}
