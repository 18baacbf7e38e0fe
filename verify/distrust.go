package verify

import (
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// Distrust takes trust back from a key or an identity for a time: what was signed in it
// does not count, what was signed before it was compromised still does. A signature
// whose time nobody vouches for may be of any time, and does not count either.
type Distrust struct {
	Key             ident.Digest // the identity of a key; zero: Subject and Issuer say who
	Subject, Issuer string       // an empty one means any
	From, Until     time.Time    // both included; zero: since ever, for ever
	Why             string
}

// names reports whether a signer is meant.
func (d *Distrust) names(s *fact.Signer) bool {
	if !d.Key.IsZero() {
		return s.Key != nil && s.Key.ID == d.Key || s.X509 != nil && s.X509.ID == d.Key
	}
	if x := s.X509; x != nil {
		return (d.Subject == "" || d.Subject == x.Subject) && (d.Issuer == "" || d.Issuer == x.Issuer())
	}
	return s.Certificate != nil && (d.Subject == "" || d.Subject == s.Certificate.Subject) && (d.Issuer == "" || d.Issuer == s.Certificate.Issuer)
}

// Distrusts refuses a fact of a signer whom a list does not trust at that time; nil: it
// stands. A Verifier asks its own list by itself.
func Distrusts(list []Distrust, f *fact.Fact) error {
	for i := range list {
		if r := list[i].refusal(f); r != nil {
			return r
		}
	}
	return nil
}

// refusal says that a fact is of a signer whom nobody trusts at that time; nil: it is not.
func (d *Distrust) refusal(f *fact.Fact) *Refusal {
	if !d.names(&f.Signer) {
		return nil
	}
	why := d.Why
	if why == "" {
		why = "no reason is given"
	}
	if len(f.Times) == 0 && !(d.From.IsZero() && d.Until.IsZero()) {
		return refuse(Distrusted, "the signer is not trusted for some time, and nobody vouches for when this was signed: %s", why).
			hint("sign with a timestamp or a log entry, so that the time can be told")
	}
	if len(f.Times) == 0 {
		return refuse(Distrusted, "the signer is not trusted: %s", why)
	}
	for _, t := range f.Times {
		if (d.From.IsZero() || !t.At.Before(d.From)) && (d.Until.IsZero() || !t.At.After(d.Until)) {
			return refuse(Distrusted, "signed at %s, when the signer is not trusted: %s", t.At.UTC().Format(time.RFC3339), why).
				hint("sign again with a key or identity that is trusted")
		}
	}
	return nil
}

// maxDistrust bounds the entries of one list.
const maxDistrust = 10_000

// ParseDistrust reads {"distrust": [{"key": "sha256:…", "subject", "issuer", "from",
// "until", "why"}]} in JSON: times are RFC 3339, and each entry names a key, a subject or
// an issuer. A fault is an error: a list that is read in part would trust too much.
func ParseDistrust(raw []byte) ([]Distrust, error) {
	r := jsonscan.New(raw, jsonscan.Options{StrictSkip: true})
	var out []Distrust
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		if string(name) != "distrust" {
			return nil, ident.Errorf(ident.KindInvalid, "the list of distrust has an unknown member %.60q", name)
		}
		r.RequireArray()
		for r.NextItem() {
			if len(out) == maxDistrust {
				return nil, ident.Errorf(ident.KindLimit, "more than %d entries of distrust", maxDistrust)
			}
			d, err := readDistrust(r)
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	return out, r.End()
}

func readDistrust(r *jsonscan.Reader) (Distrust, error) {
	var d Distrust
	var err error
	r.RequireObject()
	for name, ok := r.NextKey(); ok && err == nil; name, ok = r.NextKey() {
		switch string(name) {
		case "key":
			err = d.Key.UnmarshalText([]byte(r.RequireString()))
		case "subject":
			d.Subject = r.RequireString()
		case "issuer":
			d.Issuer = r.RequireString()
		case "from":
			d.From, err = time.Parse(time.RFC3339, r.RequireString())
		case "until":
			d.Until, err = time.Parse(time.RFC3339, r.RequireString())
		case "why":
			d.Why = r.RequireString()
		default:
			return d, ident.Errorf(ident.KindInvalid, "an entry of distrust has an unknown member %.60q", name).WithHint("key, subject, issuer, from, until, why")
		}
	}
	switch {
	case r.Err() != nil:
		return d, r.Err()
	case err != nil:
		return d, ident.Errorf(ident.KindInvalid, "an entry of distrust is malformed: %w", err)
	case d.Key.IsZero() && d.Subject == "" && d.Issuer == "":
		return d, ident.Errorf(ident.KindInvalid, "an entry of distrust names nobody").WithHint("a key by its digest, a subject or an issuer")
	case !d.Until.IsZero() && d.Until.Before(d.From):
		return d, ident.Errorf(ident.KindInvalid, "an entry of distrust ends before it begins")
	}
	return d, nil
}
