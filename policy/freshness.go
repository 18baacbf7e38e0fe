package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Freshness asks for an attestation that was signed lately: a scan of today, and not
// one of last year that still verifies.
type Freshness struct {
	Name          string
	PredicateType string // in any version where it names none
	MaxAge        time.Duration
	From          []Identity // who may have signed it; none: anybody whose signature verified
	Hint          string
}

func (f Freshness) check() (Check, error) {
	if f.MaxAge <= 0 {
		return Check{}, ident.Errorf(ident.KindInvalid, "an age of %s is none", f.MaxAge)
	}
	return Check{Name: f.Name, Expected: fmt.Sprintf("%s that was signed within %s", f.PredicateType, f.MaxAge), Hint: f.Hint, Judge: func(in *Prepared, c *Context) Outcome {
		found := "there is none"
		var newest time.Time
		for _, x := range in.Facts {
			if x.Claim != fact.Attestation || !predicateIs(x.PredicateType, f.PredicateType) {
				continue
			}
			if len(f.From) > 0 && !slices.ContainsFunc(f.From, func(i Identity) bool { return i.Matches(x.Signer) }) {
				if newest.IsZero() {
					found = "there is one by " + signerName(x.Signer) + ", who is not asked"
				}
				continue
			}
			at, ok := signedAt(x)
			switch {
			case !ok:
				if newest.IsZero() {
					found = "there is one, and nobody vouches for when it was signed"
				}
			case at.After(c.At):
				if newest.IsZero() {
					found = "there is one of " + at.UTC().Format(time.RFC3339) + ", which is not yet"
				}
			case at.After(newest):
				newest = at
			}
		}
		if newest.IsZero() {
			return Outcome{Found: found}
		}
		if age := c.At.Sub(newest); age > f.MaxAge {
			return Outcome{Found: fmt.Sprintf("the newest is of %s, %s ago", newest.UTC().Format(time.RFC3339), age.Truncate(time.Minute))}
		}
		return Outcome{Passed: true}
	}}, nil
}
