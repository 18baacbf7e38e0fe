package inventory

import (
	"regexp"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Query is a question's subject: QUERY of the command-line contract.
type Query struct {
	text      string
	advisory  string               // an OSV id
	component *vuln.ComponentQuery // a package URL or a bare name
	digest    ident.Digest         // of an artifact or a document
	workload  ident.Ref
}

// String returns the query as it was typed.
func (q Query) String() string { return q.text }

// advisoryID is the shape of identifiers that the OSV schema lists: a database
// prefix in capitals, a dash, and something with a digit. Package names are
// written in lower case nearly everywhere, so that the two do not meet.
var advisoryID = regexp.MustCompile(`^[A-Z][A-Za-z]*-[A-Za-z0-9:.-]*[0-9][A-Za-z0-9:.-]*$`)

// ghsaID has no digit in it at times.
var ghsaID = regexp.MustCompile(`(?i)^GHSA(-[23456789cfghjmpqrvwx]{4}){3}$`)

// cveID is read in any case.
var cveID = regexp.MustCompile(`(?i)^CVE-[0-9]{4}-[0-9]{4,}$`)

// ParseQuery reads, in this order: a package URL ("pkg:…"), a digest
// ("sha256:…"), an OSV identifier, a workload ("ns/name"), and else a bare
// component name. A name with a slash and an at sign is a component, as scoped npm
// names are ("@scope/name"). Errors are of kind usage.
func ParseQuery(s string) (Query, error) {
	q := Query{text: strings.TrimSpace(s)}
	const most = 4096
	switch {
	case q.text == "":
		return Query{}, ident.Errorf(ident.KindUsage, "the query is empty").WithHint("CVE-2023-44487, pkg:npm/lodash, sha256:…, ns/name")
	case len(q.text) > most:
		return Query{}, ident.Errorf(ident.KindUsage, "the query is longer than %d characters", most)
	case strings.HasPrefix(q.text, "sha256:"), strings.HasPrefix(q.text, "sha512:"), strings.HasPrefix(q.text, "sha384:"):
		d, err := ident.ParseDigest(q.text)
		if err != nil {
			return Query{}, ident.Errorf(ident.KindUsage, "%w", err)
		}
		q.digest = d
		return q, nil
	case len(q.text) > 4 && strings.EqualFold(q.text[:4], "pkg:"):
	case cveID.MatchString(q.text), ghsaID.MatchString(q.text), advisoryID.MatchString(q.text):
		q.advisory = q.text
		return q, nil
	case strings.Contains(q.text, "/") && !strings.Contains(q.text, "@") && !strings.Contains(strings.SplitN(q.text, "/", 2)[0], "."):
		ref, err := ident.ParseRef(q.text)
		if err != nil || ref.IsCIDR() {
			return Query{}, ident.Errorf(ident.KindUsage, "%q names no workload", q.text).
				WithHint("ns/name or ns/Kind/name; a component whose name holds a slash is asked for as pkg:TYPE/NAME")
		}
		q.workload = ref
		return q, nil
	}
	c, err := vuln.ParseComponentQuery(q.text)
	if err != nil {
		return Query{}, err
	}
	q.component = &c
	return q, nil
}
