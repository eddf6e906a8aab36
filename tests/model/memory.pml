/* Shared memory as an x86 processor has it: what an interpreter stores waits in a buffer, in order, and becomes visible
   to others one store after the other, at any time, but at the latest at a fence. So a load may overtake a store.

   A fence is a queue operation, or a ring, which lets go of the GIL. Locks are none. The threads of one interpreter
   share a buffer, as if they ran on one core: that is later than it can happen, for the GIL is handed over by a mutex.

   The including file defines INTERPRETERS and WORDS, the number of words. Word 0 is nobody's. With SEQUENTIAL every store
   is visible at once. */

byte memory[WORDS];

/* -- parts of a step, which stand inside of a d_step -------------------------------------------------------------- */

#ifdef SEQUENTIAL

#define STORE(me, word, value) memory[word] = value
#define FENCE(me) skip
#define LOAD(me, word) memory[word]

#else

/* The stores of an interpreter that others do not see yet, oldest first: what goes where. One more makes the oldest
   visible. */
typedef Buffer {
  byte length;
  byte at[3];
  byte what[3]
};
Buffer buffer[INTERPRETERS];

#define SURFACE(me) \
  memory[buffer[me].at[0]] = buffer[me].what[0]; \
  buffer[me].at[0] = buffer[me].at[1]; buffer[me].what[0] = buffer[me].what[1]; \
  buffer[me].at[1] = buffer[me].at[2]; buffer[me].what[1] = buffer[me].what[2]; \
  buffer[me].at[2] = 0; buffer[me].what[2] = 0; \
  buffer[me].length--

#define STORE(me, word, value) \
  if :: buffer[me].length == 3 -> SURFACE(me) :: else fi; \
  buffer[me].what[buffer[me].length] = value; \
  buffer[me].at[buffer[me].length] = word; \
  buffer[me].length++

#define FENCE(me) \
  memory[buffer[me].at[0]] = buffer[me].what[0]; \
  memory[buffer[me].at[1]] = buffer[me].what[1]; \
  memory[buffer[me].at[2]] = buffer[me].what[2]; \
  buffer[me].at[0] = 0; buffer[me].at[1] = 0; buffer[me].at[2] = 0; \
  buffer[me].what[0] = 0; buffer[me].what[1] = 0; buffer[me].what[2] = 0; \
  buffer[me].length = 0

/* An expression: an interpreter's own latest store, or what is visible. */
#define LOAD(me, word) \
  (buffer[me].at[2] == (word) -> buffer[me].what[2] : \
  (buffer[me].at[1] == (word) -> buffer[me].what[1] : \
  (buffer[me].at[0] == (word) -> buffer[me].what[0] : memory[word])))

active proctype surfacing() {
end:
  do
  :: d_step { buffer[0].length > 0 -> SURFACE(0) }
  :: d_step { buffer[1].length > 0 -> SURFACE(1) }
#if INTERPRETERS > 2
  :: d_step { buffer[2].length > 0 -> SURFACE(2) }
#endif
#if INTERPRETERS > 3
  :: d_step { buffer[3].length > 0 -> SURFACE(3) }
#endif
  od
}

#endif
