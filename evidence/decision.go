package evidence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Decision is what a verification or a gate came to about one artifact. Its name says the
// whole of it but for who decided, which is the record's actor: whoever has the journal
// alone knows what was decided about which digest, under which policies, when and why.
type Decision struct {
	What     string       `json:"what"`               // verify-image, verify-bundle, gate
	Verdict  string       `json:"verdict"`            // in the words of What
	At       time.Time    `json:"at"`                 // when it was judged, to the second
	Artifact ident.Digest `json:"artifact,omitzero"`  // zero where nobody could tell which it is
	Policy   ident.Digest `json:"policy,omitzero"`    // over JudgedBy (PolicyDigest); zero where that is not known
	Why      ident.Digest `json:"reasonsDigest"`      // over all reasons (ReasonsDigest)
	Answer   ident.Digest `json:"answer"`             // of the answer that said all of it, byte for byte
	Subject  string       `json:"subject"`            // the artifact as it was asked for
	JudgedBy []Criterion  `json:"judgedBy,omitempty"` // what it was judged by
	Reasons  []string     `json:"reasons"`            // the first of them
	More     int          `json:"moreReasons,omitempty"`
	// Passed anyway: a gate that only warns let it go on.
	Passed bool `json:"letPass,omitempty"`
}

// What a gate's decision is of, and its two verdicts; a third says that it could not be judged.
const (
	ByGate     = "gate"
	GatePassed = "passed"
	GateFailed = "failed"
)

// FailedChecks names the checks by which a gate failed, as far as Reasons say: those begin
// with "NAME: failed".
func (d *Decision) FailedChecks() []string {
	var names []string
	for _, r := range d.Reasons {
		if name, rest, ok := strings.Cut(r, ": "); ok && (rest == GateFailed || strings.HasPrefix(rest, GateFailed+";")) {
			names = append(names, name)
		}
	}
	return names
}

// excepted is how what was found begins where a gate's check holds by an exception alone.
const excepted = "excepted by "

// Excepted is what a gate's check found that holds by an exception alone.
func Excepted(exception string) string { return excepted + exception }

// Excused reports whether a gate passed by an exception, as far as Reasons say.
func (d *Decision) Excused() bool {
	return d.What == ByGate && d.Verdict == GatePassed && slices.ContainsFunc(d.Reasons, func(r string) bool {
		return strings.Contains(r, ": "+GatePassed+"; found "+excepted)
	})
}

// Criterion is something that was judged by: a policy, a key, a trusted root.
type Criterion struct {
	Name   string       `json:"name"`
	Digest ident.Digest `json:"digest"` // of what stood in it
}

// PolicyDigest is one digest for all that was judged by: over the digests of the contents,
// sorted, each once and on a line. Names do not count: the same policies in another folder
// are the same policies.
func PolicyDigest(list []Criterion) ident.Digest {
	if len(list) == 0 {
		return ident.Digest{}
	}
	lines := make([]string, 0, len(list))
	for _, c := range list {
		lines = append(lines, c.Digest.String())
	}
	slices.Sort(lines)
	return ident.SHA256([]byte(strings.Join(slices.Compact(lines), "\n") + "\n"))
}

// ReasonsDigest is the digest of reasons, each on a line.
func ReasonsDigest(list []string) ident.Digest {
	h := sha256.New()
	for _, s := range list {
		h.Write([]byte(strings.ReplaceAll(s, "\n", " ") + "\n")) //nolint:errcheck // a hash takes everything
	}
	d, _ := ident.ParseDigest("sha256:" + hex.EncodeToString(h.Sum(nil))) // it is one
	return d
}

// The object of a decision's record is these fields with slashes between them, each
// escaped as in the path of a URL: "decision", "of", tenant, time (RFC 3339), what, verdict,
// artifact, policy, reasons, answer, and eight bytes of the SHA-256 of who decided in hex.
// A digest that is not known is "-". The same answer of the same actor is the same object.
const (
	decisionFields = 9 // behind the prefix
	none           = "-"
	byBytes        = 8
)

// DecisionPrefix is how the objects of decisions begin.
const DecisionPrefix = "decision/of/"

// Name is the object of the decision's record behind DecisionPrefix. Names of one tenant
// sort by time.
func (d *Decision) Name(tenant, by string) string {
	digest := func(x ident.Digest) string { return cmp.Or(x.String(), none) }
	sum := sha256.Sum256([]byte(by))
	return DecisionsFrom(tenant, d.At) + strings.Join([]string{url.PathEscape(d.What), url.PathEscape(d.Verdict),
		digest(d.Artifact), digest(d.Policy), digest(d.Why), digest(d.Answer), hex.EncodeToString(sum[:byBytes])}, "/")
}

// DecisionsFrom is how the names of a tenant's decisions at a time begin; for the zero
// time, all of the tenant's.
func DecisionsFrom(tenant string, at time.Time) string {
	prefix := url.PathEscape(tenant) + "/"
	if at.IsZero() {
		return prefix
	}
	return prefix + at.UTC().Truncate(time.Second).Format(time.RFC3339) + "/"
}

// ParseDecision reads the name of a decision, or the object of its record; ok is false
// where it is none. What the name does not say is left empty.
func ParseDecision(object string) (d Decision, tenant string, ok bool) {
	f := strings.Split(strings.TrimPrefix(object, DecisionPrefix), "/")
	if len(f) != decisionFields {
		return d, "", false
	}
	var err error
	text := func(s string) string {
		out, uerr := url.PathUnescape(s)
		err = cmp.Or(err, uerr)
		return out
	}
	tenant, d.What, d.Verdict = text(f[0]), text(f[2]), text(f[3])
	if d.At, ok = parseSecond(f[1]); !ok || err != nil {
		return Decision{}, "", false
	}
	for i, into := range []*ident.Digest{&d.Artifact, &d.Policy, &d.Why, &d.Answer} {
		if f[4+i] == none {
			continue
		}
		if *into, err = ident.ParseDigest(f[4+i]); err != nil {
			return Decision{}, "", false
		}
	}
	return d, tenant, len(f[8]) == 2*byBytes
}

func parseSecond(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err == nil && t.UTC().Format(time.RFC3339) == s
}
