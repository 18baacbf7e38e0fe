package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Reason is why a registry did not say what was asked.
type Reason uint8

// The reasons. Only Absent, from a registry that is no mirror, says something about
// what was asked; all others say that it could not be checked.
const (
	Absent          Reason = iota + 1 // 404
	Unauthenticated                   // 401, also from the token server
	Forbidden                         // 403
	Limited                           // 429, or told to wait for longer than we do
	Away                              // 5xx, no connection, no answer in time
	Wrong                             // an answer that cannot be: another digest, no JSON, a redirect into the void
	TooLarge                          // beyond a limit
	Unencrypted                       // it would take plain HTTP, which was not asked for
	Refused                           // any other status
)

var reasonNames = [...]string{"unknown", "absent", "unauthenticated", "forbidden", "limited", "away", "wrong", "too large", "unencrypted", "refused"}

// String returns the reason in a word or two, for logs and metrics.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[0]
}

// Fault is one question that a registry did not answer.
type Fault struct {
	Reason Reason
	Host   string
	What   string        // was asked for, in words
	Status int           // of HTTP; 0 where there was no answer
	After  time.Duration // that the registry wants to be left alone; 0 where it said nothing
	Mirror bool
	Err    error
}

// Error says who did not say what, and why.
func (f *Fault) Error() string {
	switch f.Reason {
	case Absent:
		if f.Mirror {
			return fmt.Sprintf("the mirror %s has no %s", f.Host, f.What)
		}
		return fmt.Sprintf("%s has no %s", f.Host, f.What)
	case Unauthenticated:
		if f.Err != nil {
			return fmt.Sprintf("%s wants to know who asks for %s, and that cannot be said: %v", f.Host, f.What, f.Err)
		}
		return fmt.Sprintf("%s wants to know who asks for %s, and nobody is signed in whom it lets read it (%d)", f.Host, f.What, f.Status)
	case Forbidden:
		return fmt.Sprintf("%s refuses %s (%d)", f.Host, f.What, f.Status)
	case Limited:
		if f.After > 0 {
			return fmt.Sprintf("%s wants to be asked for %s again in %s", f.Host, f.What, f.After.Round(time.Second))
		}
		return fmt.Sprintf("%s limits how often it is asked for %s", f.Host, f.What)
	case Away:
		if f.Status != 0 {
			return fmt.Sprintf("%s could not answer for %s (%d)", f.Host, f.What, f.Status)
		}
	case Refused:
		return fmt.Sprintf("%s answers %d %s for %s", f.Host, f.Status, http.StatusText(f.Status), f.What)
	}
	if f.Err != nil {
		return fmt.Sprintf("%s, asked for %s: %v", f.Host, f.What, f.Err)
	}
	return fmt.Sprintf("%s, asked for %s: %s", f.Host, f.What, f.Reason)
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// definitive reports whether a fault says that what was asked for is not there.
func (f *Fault) definitive() bool { return f.Reason == Absent && !f.Mirror }

func (f *Fault) hint() string {
	switch f.Reason {
	case Unauthenticated, Forbidden:
		return "docker login " + f.Host + ", or --registry-auth FILE with credentials that may read it; without them nobody can say what is attached"
	case Limited:
		return "come again later, sign in, or name a mirror"
	case Unencrypted:
		return "--plain-http, where the registry really has no TLS"
	case Wrong:
		return "is something between us and the registry, or is it no registry?"
	case Absent:
		if f.Mirror {
			return "a mirror that lacks something says nothing about the registry"
		}
		return ""
	}
	return "nothing is known of what is attached until it answers"
}

// absent reports whether an error says that what was asked for is not there.
func absent(err error) bool {
	var f *Fault
	return errors.As(err, &f) && f.definitive()
}

// explained is an error as it leaves the package: of KindNotFound where the fault is
// definitive, of KindIndeterminate where it is any other; what is no fault stays as it is.
func explained(err error) error {
	var f *Fault
	if err == nil || !errors.As(err, &f) {
		return err
	}
	if _, ok := err.(*ident.Error); ok { //nolint:errorlint // what is one on its outside was explained before
		return err
	}
	kind := ident.KindIndeterminate
	if f.definitive() {
		kind = ident.KindNotFound
	}
	return ident.Errorf(kind, "%w", f).WithHint("%s", f.hint())
}

// over reports whether a context has ended, so that an error is its and no registry's.
func over(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
