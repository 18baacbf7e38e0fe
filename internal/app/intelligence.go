package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/epss"
	"github.com/cofferdam-io/cofferdam/vuln/kev"
)

// IntelligenceInputs are what the user says about vulnerabilities beside advisories.
type IntelligenceInputs struct {
	KEV  string // file of the catalogue of exploited vulnerabilities; "" for none
	EPSS string // file of scores; "" for none
}

// Intelligence reads what the user names. What is named and cannot be read is an
// error: without it, findings would look better than they are. Where nothing is named it
// is empty.
func (l *Loader) Intelligence(ctx context.Context, in IntelligenceInputs) (*vuln.Intelligence, error) {
	out := &vuln.Intelligence{}
	if in.KEV != "" {
		raw, err := l.read(ctx, in.KEV)
		if err == nil {
			out.Exploited, err = kev.Decode(ctx, in.KEV, raw)
		}
		if err != nil {
			return nil, unusable(err)
		}
	}
	if in.EPSS != "" {
		raw, err := l.read(ctx, in.EPSS)
		if err == nil {
			out.Likelihoods, err = epss.Decode(ctx, in.EPSS, raw)
		}
		if err != nil {
			return nil, unusable(err)
		}
	}
	return out, nil
}

// unusable makes the fault of a document that an answer needs a failure to answer.
func unusable(err error) error {
	e, ok := asIdent(err)
	if !ok || e.Kind == ident.KindUsage {
		return err
	}
	c := *e
	c.Kind = ident.KindFailure
	return &c
}
