package server

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/sweep"
)

// followAudit prepares the audit before the first write, which it must not miss.
func (s *Server) followAudit(ctx context.Context, gateway *relationships.Gateway, history *audit.Log) error {
	if err := history.MarkImport(ctx, gateway.Head); err != nil {
		return err
	}
	f := &follow.Follower{
		Name: "audit", Relationships: gateway, Cursors: history, Handle: history.Handle, Lost: history.Lost, Log: s.log,
	}
	s.followers = append(s.followers, f)
	return f.Prepare(ctx)
}

// sweep prepares what finishes changes: ends of roles, and removals from sites.
func (s *Server) sweep(ctx context.Context, r access.Relationships, names *directory.Directory, t access.Tuplesets) error {
	ends := sweep.NewEnds(r, names, t, time.Now, s.log)
	removals := &sweep.Removals{Relationships: r, Operations: s.Operations}
	lost := func(recount func(context.Context) error) func(context.Context, access.Token, access.Token) error {
		return func(ctx context.Context, _, _ access.Token) error { return recount(ctx) }
	}
	s.followers = append(s.followers, ends)
	for _, f := range []*follow.Follower{
		{Name: "ends", Handle: ends.Handle, Begin: ends.Recount, Lost: lost(ends.Recount)},
		{Name: "removals", Handle: removals.Handle, Begin: removals.Recount, Lost: lost(removals.Recount)},
		{Name: "deletions", Handle: s.Operations.FinishDeletion},
	} {
		f.Relationships, f.Cursors, f.Log = r, names, s.log
		if err := f.Prepare(ctx); err != nil {
			return err
		}
		s.followers = append(s.followers, f)
	}
	return nil
}
