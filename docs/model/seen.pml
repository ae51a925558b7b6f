/* What Memory.Read takes for granted: as long as no epoch was renewed since an entry's
 * epochs were last looked at, they are the ones it was computed under. Promela, Spin 6.5.
 *
 *   spin -a seen.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -E          no errors
 *   spin -a -DEARLY seen.pml && ...   counts before it renews              fails
 *   spin -a -DLATE seen.pml && ...    acknowledges before it counts        fails
 *   spin -a -DREREAD seen.pml && ...  notes the count as it is after the look  fails
 *
 * An answer is the version it was computed at: it must be no older than what was
 * acknowledged when its check began. One epoch stands for the three; it changes in one
 * step, as does each other word, and in no other order than that of the code. */

#define READERS 2
#define CHECKS  2
#define ENTRIES 6

byte version, acked;            /* commits, and how many of them were acknowledged */
byte nonce = 1, fresh = 1;      /* the epoch */
short marks;                    /* writes under way */
byte renewed = 1;
byte last;                      /* the newest entry; they are replaced, never changed */
byte under[ENTRIES], at[ENTRIES], seen[ENTRIES];

inline renew(more) {            /* marks */
#ifdef EARLY
	renewed++;
#endif
	atomic { fresh++; nonce = fresh; marks = marks + more }
#if !defined(EARLY) && !defined(LATE)
	renewed++;
#endif
}

inline acknowledge(v) {
	atomic { if :: v > acked -> acked = v :: else fi }
#ifdef LATE
	renewed++;
#endif
}

active proctype writer() {      /* marks, commits, bumps */
	byte mine;
	renew(1);
	atomic { version++; mine = version }
	renew(-1);
	acknowledge(mine)
}

active proctype tailer() {      /* catches up on what another tool committed */
	byte its;
	atomic { version++; its = version }
	renew(0);
	acknowledge(its)
}

active [READERS] proctype reader() {
	byte n, least, r, e, found, pending, answer;
	do
	:: n == CHECKS -> break
	:: else ->
		n++;
		least = acked;
		r = renewed;
		e = last;
		if
		:: e > 0 && seen[e] == r -> answer = at[e]
		:: else ->
			atomic { found = nonce; pending = marks > 0 }
#ifdef REREAD
			r = renewed;
#endif
			if
			:: e > 0 && !pending && under[e] == found -> answer = at[e]; seen[e] = r
			:: else ->
				answer = version;
				if
				:: !pending -> atomic {
					last < ENTRIES - 1 -> e = last + 1; under[e] = found; at[e] = answer; last = e }
				:: else
				fi
			fi
		fi;
		assert(answer >= least)
	od
}
