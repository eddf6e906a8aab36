/* The states of the code, by its own names and numbers. `test_model.py` compares them: neither can change alone. */

/* `station`: what `Arena.idle` says of a worker. */
#define WORKING 0
#define SEEKING 1
#define NAPPING 2
#define ASLEEP 3

/* `seat`: the phase in `SlotWord.STATE`. */
#define READY 0
#define TAKEN 1
#define DONE 2

/* `taking`: what `SlotWord.CANCEL` asks for. */
#define STOP 1
#define UNCLAIM 2
#define GONE 3

/* `Kind`: how an outcome came about. */
#define VALUE 0
#define ERROR 1
#define CANCELLED 2
#define UNREADABLE 3
#define DECLINED 4
#define LOST 5
#define REFUSED 6

/* `HalfState`. */
mtype = { PRIVATE, WRITING, PUBLIC, HOME };
