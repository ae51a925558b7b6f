/* What redisstore.Store.Read takes for granted: an answer that held at a version holds as
 * long as Redis says that version, because every renewal of an epoch begins another in the
 * same step. Redis may lose the epoch and the version. Promela, Spin 6.5.
 *
 *   spin -a near.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -E             no errors
 *   spin -a -DNOMARK near.pml && ...   a mark begins no version, nor does its bump  fails
 *   spin -a -DNOCATCH near.pml && ...  a change that is caught begins none     fails
 *   spin -a -DAPART near.pml && ...    the version begins before the epoch     fails
 *   spin -a -DCOUNTED near.pml && ...  versions are counted, so a lost one comes back  fails
 *
 * An answer is the commit it was computed at: it must be no older than what was
 * acknowledged when its check began. One epoch stands for the three; the lease is there.
 * Each reader is a server, with what is near to it. */

#define READERS 2
#define CHECKS  2
#define ENTRIES 8

byte commits, acked;            /* and how many of them were acknowledged */
byte fresh;                     /* what is begun has a name of its own */
byte nonce, version;            /* in Redis; zero: missing */
bool marked;                    /* the writer's mark, which is lost with the epoch */
byte last, filled;              /* the entry in Redis; entries are replaced, never changed */
byte under[ENTRIES], at[ENTRIES];

#ifdef COUNTED
#define newVersion version = version + 1
#else
#define newVersion fresh++; version = fresh
#endif

inline renew(mark, versioned) { /* a script */
#ifdef APART
	atomic { newVersion };
	atomic { fresh++; nonce = fresh; marked = mark }
#else
	atomic {
		fresh++; nonce = fresh; marked = mark;
		if
		:: versioned -> newVersion
		:: else
		fi
	}
#endif
}

inline acknowledge(v) {
	atomic {
		if
		:: v > acked -> acked = v
		:: else
		fi
	}
}

#ifdef NOMARK
#define MARKED false
#else
#define MARKED true
#endif
#ifdef NOCATCH
#define CAUGHT false
#else
#define CAUGHT true
#endif

active proctype writer() {      /* marks, commits, bumps */
	byte mine;
	renew(true, MARKED);
	atomic { commits++; mine = commits };
	renew(false, MARKED);
	acknowledge(mine)
}

active proctype tailer() {      /* catches up on what another tool committed */
	byte its;
	atomic { commits++; its = commits };
	renew(marked, CAUGHT);
	acknowledge(its)
}

active proctype eviction() {
	if
	:: atomic { nonce = 0; marked = false }
	:: version = 0
	:: atomic { nonce = 0; marked = false; version = 0; last = 0 } /* all of it */
	fi
}

active [READERS] proctype reader() {
	byte n, least, v, e, found, answer;
	byte near, seen;            /* an entry, and the version at which it held */
	bool pending, told;
	do
	:: n == CHECKS -> break
	:: else ->
		n++;
		least = acked;
		told = false;
		if
		:: near > 0 ->
			v = version;
			if
			:: v > 0 && v == seen -> answer = at[near]; told = true
			:: else
			fi
		:: else
		fi;
		if
		:: told
		:: else ->
			atomic { found = nonce; pending = marked; v = version; e = last };
			if
			:: e > 0 && found > 0 && !pending && under[e] == found ->
				answer = at[e];
				if
				:: v > 0 -> near = e; seen = v
				:: else
				fi
			:: else ->
				if
				:: found == 0 -> atomic { /* begin */
					if
					:: version == 0 -> newVersion
					:: else
					fi;
					if
					:: nonce == 0 -> fresh++; nonce = fresh
					:: else
					fi;
					found = nonce; pending = marked }
				:: else
				fi;
				answer = commits;
				if
				:: !pending -> atomic {
					if
					:: filled < ENTRIES - 1 -> filled++; under[filled] = found; at[filled] = answer; last = filled
					:: else
					fi }
				:: else
				fi
			fi
		fi;
		assert(answer >= least)
	od
}
