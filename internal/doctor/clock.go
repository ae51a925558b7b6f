package doctor

import (
	"context"
	"time"
)

// An answer is kept until a second before a role ends (rule 1 of docs/cache.md), so
// clocks that differ by more let it outlive the role.
const (
	skewProblem = time.Second
	skewWarning = skewProblem / 2
)

// clock compares somebody's clock, which shows every tick, with this machine's. What
// the way there takes is not held against it.
func (e *examination) clock(ctx context.Context, whose string, tick time.Duration, ask func(context.Context) (time.Time, error)) error {
	sent := e.now()
	shown, err := ask(ctx)
	received := e.now()
	if err != nil {
		return err
	}
	const cure = "keep the clocks of both machines by one source of time, as with chrony or systemd-timesyncd"
	ahead, behind := shown.Sub(received), sent.Sub(shown.Add(tick))
	skew, way := ahead, "ahead of"
	if behind > ahead {
		skew, way = behind, "behind"
	}
	severity := Warning
	switch {
	case skew > skewProblem:
		severity = Problem
	case skew <= skewWarning:
		return nil
	}
	e.find(severity, "clock_skew", cure, "the clock of %s is %s or more %s this machine's: answers may outlive the end of a role",
		whose, skew.Round(10*time.Millisecond), way)
	return nil
}
