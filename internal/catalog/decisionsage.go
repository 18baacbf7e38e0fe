package catalog

import (
	"context"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// forgetAtOnce is how many decisions leave in one step, with their answers: intake waits for none
// for long.
const forgetAtOnce = 256

// oldDecisions hands over, step by step, the scopes of decisions that were judged before a time,
// and of their answers: all decisions of an answer are of one time. n is how many decisions those are.
func (c *Catalog) oldDecisions(ctx context.Context, before time.Time, each func(scopes []string, n int) error) error {
	after := decided
	for {
		rows, err := c.store.States(ctx, store.StateQuery{Kind: store.StateDecision, After: &store.State{Scope: after, Key: lastKey}, Limit: forgetAtOnce})
		if err != nil {
			return storeError(err)
		}
		var scopes []string
		n := 0
		more := len(rows) == forgetAtOnce
		for i := range rows {
			after = rows[i].Scope
			name, is := strings.CutPrefix(after, decided)
			if !is {
				more = false // names of decisions are the last
				break
			}
			d, tenant, ok := evidence.ParseDecision(name)
			if ok && !d.At.Before(before) {
				// Names sort by tenant, then by time: what follows of this one is younger.
				after, more = decided+evidence.DecisionsFrom(tenant, time.Time{})+lastKey, true
				break
			}
			if ok {
				scopes = append(scopes, rows[i].Scope, answerScope(tenant, d.Answer))
				n++
			}
		}
		if n > 0 {
			if err := each(scopes, n); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// forgetDecisions removes decisions that were judged before a time, and their answers. The
// journal keeps what was decided about which digest, when, and under which policies.
func (c *Catalog) forgetDecisions(ctx context.Context, by authz.Actor, before time.Time) (total int, err error) {
	err = c.oldDecisions(ctx, before, func(scopes []string, n int) error {
		_, err := c.store.Forget(ctx, c.mutation(by), store.StateDecision, scopes)
		if err == nil {
			total += n
		}
		return storeError(err)
	})
	return total, err
}
