package app

import (
	"context"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance/record"
	"github.com/cofferdam-io/cofferdam/report"
)

// BuildRecord puts together what transparency logs hold of an image, of whom the inputs
// accept. Entries are verified as verify image does; the registry only says which there are.
func (l *Loader) BuildRecord(ctx context.Context, in FactInputs) (*report.BuildRecord, error) {
	facts, err := l.ImageFacts(ctx, in)
	if err != nil {
		return nil, err
	}
	a := &report.BuildRecord{SchemaVersion: inventory.SchemaVersion, Image: in.Image, At: in.Verify.At.UTC().Format(time.RFC3339), Records: []*record.Record{}, Unchecked: []string{}, Notes: facts.Notes}
	for _, u := range facts.Unchecked {
		a.Unchecked = append(a.Unchecked, u.Error())
	}
	for _, d := range facts.Digests {
		a.Records = append(a.Records, record.Of(d, facts.Facts))
	}
	found := slices.ContainsFunc(a.Records, func(r *record.Record) bool { return len(r.Entries) > 0 })
	switch {
	case found:
	case len(facts.Unchecked) > 0:
		return nil, ident.Errorf(ident.KindIndeterminate, "no log entry of %s was found, and not everything could be checked: %w", in.Image, facts.Unchecked[0])
	default:
		return nil, ident.Errorf(ident.KindRefused, "no log holds anything about %s of whom the flags name", in.Image).WithHint("verify image says what is attached, and whether it was logged; what was signed with a key is logged only where the signer asks for it")
	}
	return a, nil
}
