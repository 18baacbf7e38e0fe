package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Decisions are states that never change: the scope of each is its name
// (evidence.Decision.Name), which the journal's record has, and which sorts by tenant and
// time. The answers that they were read from are states of scopes of their own, in pieces.
const (
	decided        = "of/"      // before the names of decisions
	answers        = "answers/" // before tenant and digest of an answer
	mostAnswer     = 16 << 20   // bytes of an answer
	mostKeptAnswer = 2 << 20    // … when it is packed
)

// TakenDecision is a decision that the journal has, with who handed it over and when.
type TakenDecision struct {
	evidence.Decision
	By       string
	Recorded time.Time
}

// TakeDecisions keeps decisions and the answer that says all of them, and returns how many
// the journal did not have. Nobody judges again what they say: it is the actor's word.
func (c *Catalog) TakeDecisions(ctx context.Context, by authz.Actor, tenant string, list []evidence.Decision, answer []byte) (fresh int, err error) {
	if len(answer) > mostAnswer {
		return 0, ident.Errorf(ident.KindLimit, "an answer of more than %d bytes is not kept", mostAnswer)
	}
	for i := range list {
		if ahead := list[i].At.Sub(c.now()); ahead > fromTheFuture {
			return 0, ident.Errorf(ident.KindInvalid, "the decision about %.200q is said to be of %s, which has not come yet", list[i].Subject, list[i].At.UTC().Format(time.RFC3339)).WithHint("judge without --at, or correct the clock")
		}
	}
	packed := c.pack(answer)
	if len(packed) > mostKeptAnswer {
		return 0, ident.Errorf(ident.KindLimit, "an answer that packs to more than %d bytes is not kept", mostKeptAnswer)
	}
	digest := ident.SHA256(answer)
	var pieces []store.State
	for part := range slices.Chunk(packed, store.MaxState) {
		pieces = append(pieces, store.State{Key: fmt.Sprintf("%04d", len(pieces)), Subject: digest.String(), Body: part})
	}
	// The answer first: a decision that is there has its answer.
	if _, err := c.store.Assert(ctx, c.mutation(by), store.StateDecision, answerScope(tenant, digest), pieces); err != nil {
		return 0, storeError(err)
	}
	for i := range list {
		body, err := json.Marshal(&decisionBody{Decision: list[i], By: by.Subject})
		if err != nil {
			return fresh, err
		}
		n, err := c.store.Assert(ctx, c.mutation(by), store.StateDecision, decided+list[i].Name(tenant, by.Subject),
			[]store.State{{Key: "decision", Subject: list[i].Artifact.String(), Body: body}})
		if err != nil {
			return fresh, storeError(err)
		}
		if n > 0 {
			fresh++
		}
	}
	return fresh, nil
}

// decisionBody is a row.
type decisionBody struct {
	evidence.Decision
	By string `json:"by"`
}

func answerScope(tenant string, digest ident.Digest) string {
	return answers + evidence.DecisionsFrom(tenant, time.Time{}) + digest.String()
}

// DecisionQuery selects decisions. Zero fields select everything.
type DecisionQuery struct {
	Tenant   string
	Artifact ident.Digest
	What     string
	Verdict  string
	Since    time.Time // judged then or later
	Until    time.Time // judged before
	After    string    // the Cursor of the last of the page before
	Limit    int
}

// Cursor is where a list goes on after a decision.
func (d *TakenDecision) Cursor(tenant string) string { return d.Name(tenant, d.By) }

// Decisions returns what was decided, by the time at which it was judged.
func (c *Catalog) Decisions(ctx context.Context, q DecisionQuery) (list []TakenDecision, more bool, err error) {
	tenant := evidence.DecisionsFrom(q.Tenant, time.Time{})
	after := decided + tenant
	if !q.Since.IsZero() {
		// Names are to the second: what was judged within the first is looked at.
		after = decided + evidence.DecisionsFrom(q.Tenant, q.Since)
	}
	if q.After != "" {
		if !strings.HasPrefix(q.After, tenant) {
			return nil, false, ident.Errorf(ident.KindUsage, "the cursor is not one of this list's")
		}
		after = max(after, decided+q.After)
	}
	states := store.StateQuery{Kind: store.StateDecision, Subject: q.Artifact.String(), After: &store.State{Scope: after, Key: lastKey}, Limit: min(q.Limit+1, statesAtOnce)}
	for {
		rows, err := c.store.States(ctx, states)
		if err != nil {
			return nil, false, storeError(err)
		}
		for i := range rows {
			r := &rows[i]
			if !strings.HasPrefix(r.Scope, decided+tenant) {
				return list, false, nil // another tenant's, or an answer: names sort by these first
			}
			var b decisionBody
			if err := json.Unmarshal(r.Body, &b); err != nil {
				return nil, false, ident.Errorf(ident.KindFailure, "the decision %.200q cannot be read: %w", r.Scope, err)
			}
			switch {
			case !q.Until.IsZero() && !b.At.Before(q.Until):
				return list, false, nil
			case q.What != "" && b.What != q.What, q.Verdict != "" && b.Verdict != q.Verdict, b.At.Before(q.Since.Truncate(time.Second)):
				continue
			case len(list) == q.Limit:
				return list, true, nil
			}
			list = append(list, TakenDecision{b.Decision, b.By, r.From})
		}
		if len(rows) < states.Limit {
			return list, false, nil
		}
		states.After = &rows[len(rows)-1]
	}
}

// lastKey sorts behind every key of a decision's scope.
const lastKey = "~"

// DecisionAnswer returns the answer that decisions of a tenant were read from, byte for
// byte.
func (c *Catalog) DecisionAnswer(ctx context.Context, tenant string, digest ident.Digest) ([]byte, error) {
	var packed []byte
	err := c.states(ctx, store.StateQuery{Kind: store.StateDecision, Scope: answerScope(tenant, digest)}, func(s *store.State) error {
		packed = append(packed, s.Body...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(packed) == 0 {
		return nil, ident.Errorf(ident.KindNotFound, "no decision was read from an answer %s", digest).WithHint("decisions lists the digests of answers")
	}
	r, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // of a reader
	raw, err := io.ReadAll(io.LimitReader(r, mostAnswer+1))
	if err != nil || ident.SHA256(raw) != digest {
		return nil, ident.Errorf(ident.KindFailure, "the stored bytes of the answer %s are damaged", digest).WithHint("cofferdam catalogue audit says what else is")
	}
	return raw, nil
}
