package server

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/sweep"
)

// follow prepares a follower before the first write that it must not miss.
func (s *Server) follow(ctx context.Context, f *follow.Follower) error {
	f = seam(f)
	f.Log, f.Counts = s.log, s.counts
	s.followers = append(s.followers, f)
	return f.Prepare(ctx)
}

// followAudit prepares the audit, which is there from the first write on, and has it
// signed unless it is kept in memory.
func (s *Server) followAudit(ctx context.Context, c config.Config, relationships access.Relationships, history *audit.Log) error {
	if err := history.MarkImport(ctx, relationships.Head); err != nil {
		return err
	}
	if err := s.follow(ctx, &follow.Follower{
		Name: "audit", Relationships: relationships, Cursors: history, Handle: history.Handle, Lost: history.Lost,
	}); err != nil || c.InMemory {
		return err
	}
	key, err := audit.OpenKey(c.AuditKey())
	if err != nil {
		return err
	}
	sealer := &audit.Sealer{Log: history, Key: key, Every: c.Audit.DigestInterval, Retention: c.Audit.Retention, File: c.Audit.DigestFile}
	if err := sealer.Open(); err != nil {
		return fmt.Errorf("audit-digest-file: %w", err)
	}
	s.looked.wait("gatehouse_audit_digest_overdue_seconds", "How long the oldest record of the audit without a signed digest has waited beyond audit-digest-interval.",
		sealer.Every, history.Unsigned)
	failures := newSealFailures()
	s.measured = append(s.measured, failures)
	last := len(s.followers) - 1
	s.followers[last] = sealed{s.followers[last], seam[seals](sealer), failures, s.log}
	return nil
}

// sweep prepares what finishes changes: ends of roles, and removals from sites.
func (s *Server) sweep(ctx context.Context, relationships access.Relationships, names keeper, t access.Tuplesets) error {
	ends := sweep.NewEnds(relationships, names, t, time.Now, s.log)
	removals := &sweep.Removals{Relationships: relationships, Operations: s.Operations}
	lost := func(recount func(context.Context) error) func(context.Context, access.Token, access.Token) error {
		return func(ctx context.Context, _, _ access.Token) error { return recount(ctx) }
	}
	s.looked.wait("gatehouse_role_ends_overdue_seconds", "How long ago the role ended that waits longest to be deleted; it gives nothing any more.", 0,
		func(ctx context.Context) (time.Time, error) {
			due, _, err := names.DueEnds(ctx, 1)
			if err != nil || len(due) == 0 {
				return time.Time{}, err
			}
			return due[0].EndsAt, nil
		})
	s.followers = append(s.followers, ends)
	for _, f := range []*follow.Follower{
		{Name: "ends", Handle: ends.Handle, Begin: ends.Recount, Lost: lost(ends.Recount)},
		{Name: "removals", Handle: removals.Handle, Begin: removals.Recount, Lost: lost(removals.Recount)},
		{Name: "deletions", Handle: s.Operations.FinishDeletion},
	} {
		f.Relationships, f.Cursors = relationships, names
		if err := s.follow(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
