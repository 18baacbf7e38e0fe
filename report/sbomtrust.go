package report

import (
	"cmp"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// ReadTrust adds what `verify image -o json` and `verify bundle -o json` said. What is no
// such answer is an error of KindUnsupported.
func ReadTrust(raw []byte, t *inventory.Trust) error {
	var a struct { // of both answers, what is asked for here
		SchemaVersion, Image, At, Verdict, Message string
		Digests, Unchecked                         []string
		Candidates                                 []Candidate
		Results                                    []Verdict
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return ident.Errorf(ident.KindInvalid, "is no answer of verify: %w", err)
	}
	switch {
	case a.SchemaVersion != inventory.SchemaVersion || a.Verdict == "":
		return ident.Errorf(ident.KindUnsupported, "is no answer of verify image or verify bundle").WithHint("cofferdam verify image IMAGE … -o json --output-file FILE")
	case a.Results != nil:
		for i := range a.Results {
			v := &a.Results[i]
			switch {
			case v.SBOM != nil:
				s, err := vouched(v.SBOM)
				if err != nil {
					return err
				}
				t.Documents = append(t.Documents, s)
			case v.Fact != nil && v.Verdict == Verified && v.Fact.Claim == fact.Signature:
				t.Documents = append(t.Documents, inventory.VouchedSBOM{Document: v.Fact.Artifact, Artifact: v.Fact.Artifact, Trust: inventory.SBOMVerified, By: SignerOf(&v.Fact.Signer)})
			}
		}
		return nil
	}
	c, err := Checked(&ImageVerification{Image: a.Image, At: a.At, Message: a.Message, Digests: a.Digests, Unchecked: a.Unchecked, Candidates: a.Candidates})
	if err != nil {
		return err
	}
	t.Images = append(t.Images, *c)
	return nil
}

// Checked is what a verification of an image says of SBOMs.
func Checked(a *ImageVerification) (*inventory.CheckedImage, error) {
	c := &inventory.CheckedImage{}
	var err error
	if c.Reference, err = ident.ParseImageRef(a.Image); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "%w", err)
	}
	if c.At, err = time.Parse(time.RFC3339, a.At); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "does not say when it was judged: %w", err).WithHint("cofferdam verify image writes at")
	}
	for _, d := range a.Digests {
		g, err := ident.ParseDigest(d)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%w", err)
		}
		c.Digests = append(c.Digests, g)
	}
	if len(a.Unchecked) > 0 {
		c.Open = a.Unchecked[0]
	} else if len(c.Digests) == 0 {
		c.Open = cmp.Or(a.Message, "the registry did not say which image it is")
	}
	for i := range a.Candidates {
		if x := a.Candidates[i].SBOM; x != nil {
			s, err := vouched(x)
			if err != nil {
				return nil, err
			}
			c.SBOMs = append(c.SBOMs, s)
		} else if v := &a.Candidates[i].Verdict; v.Verdict == Indeterminate && c.Open == "" {
			c.Open = v.Message
		}
	}
	return c, nil
}

func vouched(x *SBOMVerdict) (s inventory.VouchedSBOM, err error) {
	s = inventory.VouchedSBOM{Trust: x.Trust, By: x.SignedBy, Reason: x.Reason}
	for _, d := range []struct {
		text string
		into *ident.Digest
	}{{x.Document, &s.Document}, {x.Content, &s.Content}, {x.Artifact, &s.Artifact}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = ident.ParseDigest(d.text); err != nil {
			return s, ident.Errorf(ident.KindInvalid, "%w", err)
		}
	}
	switch {
	case x.Trust != inventory.SBOMVerified && x.Trust != inventory.SBOMInvalid && x.Trust != inventory.SBOMUnchecked:
		return s, ident.Errorf(ident.KindInvalid, "%.40q is no word for the trust of an SBOM", x.Trust)
	case x.Trust == inventory.SBOMVerified && (s.Document.IsZero() || s.Artifact.IsZero() || s.By == ""):
		return s, ident.Errorf(ident.KindInvalid, "an SBOM is said to be verified, and not which, of what or by whom")
	}
	return s, nil
}

// SignerOf names who signed: by certificate, or by key.
func SignerOf(s *fact.Signer) string {
	switch {
	case s.Certificate != nil:
		return s.Certificate.Subject
	case s.X509 != nil:
		return s.X509.Subject
	}
	return cmp.Or(s.Key.Name, s.Key.ID.Short())
}

// TrustReceipt acknowledges an answer of verify that was handed over to a server.
type TrustReceipt struct {
	File      string `json:"file,omitempty" doc:"On the command line: where it was read from"`
	By        string `json:"by" doc:"Who handed it over, as the server knows them"`
	Images    int    `json:"images" doc:"That it is about"`
	Documents int    `json:"documents" doc:"That it is about by themselves"`
	Changed   int    `json:"changed" doc:"How many of both are new, or say something else than before"`
	Older     int    `json:"older,omitempty" doc:"Left out: the same sender said something newer of the image"`
	Counts    bool   `json:"counts" doc:"Their word is taken (sbomTrust.uploaders); that of others is told with their name"`
}

// TrustPushed is the answer of `trust push`.
type TrustPushed struct {
	SchemaVersion string         `json:"schemaVersion"`
	Answers       []TrustReceipt `json:"answers"`
	Refused       []Refusal      `json:"refused,omitempty"`
}

// TrustedSBOMs is the answer of `trust`: who vouches for the SBOMs of what runs.
type TrustedSBOMs struct {
	SchemaVersion string               `json:"schemaVersion"`
	Sequence      uint64               `json:"sequence"` // what the server had taken in up to then
	Counts        inventory.TrustCount `json:"counts"`   // of all that cluster and zone select
	Items         []TrustedSBOM        `json:"items"`
}

// TrustedSBOM is a document as the SBOM of a container that runs.
type TrustedSBOM struct {
	Cluster string `json:"cluster"`
	RunningContainer
	Since time.Time           `json:"since,omitzero"`
	SBOM  inventory.SBOMMatch `json:"sbom"`
}

// trustWords say what each word means, the worst first.
var trustWords = []struct{ word, title, remark string }{
	{inventory.SBOMInvalid, "INVALID", "a signature around the document was refused, or it is vouched for as another artifact's"},
	{inventory.SBOMUnsigned, "UNSIGNED", "every place was asked, and nobody vouches for the document"},
	{inventory.SBOMUnchecked, "UNCHECKED", "nobody knows"},
	{inventory.SBOMVerified, "VERIFIED", "somebody whom the server was told to accept signed the document"},
}

func trustedSBOMsTable(w io.Writer, a *TrustedSBOMs, o Options) error {
	p := newPrinter(w, o)
	c := &a.Counts
	total := c.Verified + c.Unsigned + c.Invalid + c.Unchecked
	verdict := p.green("VERIFIED")
	switch {
	case total == 0:
		p.linef("%s: nothing that runs has a document, of what this selects", p.yellow("NO SBOM"))
		return p.done()
	case c.Invalid > 0:
		verdict = p.red("INVALID")
	case c.Unsigned > 0:
		verdict = p.red("UNSIGNED")
	case c.Unchecked > 0:
		verdict = p.yellow("UNCHECKED")
	}
	p.linef("%s: of %s that run, %s", verdict, plural(total, "container")+" with an SBOM", c.String())
	for _, s := range trustWords {
		var rows [][]string
		for i := range a.Items {
			x := &a.Items[i]
			if x.SBOM.Trust != s.word {
				continue
			}
			at, _, _ := strings.Cut(x.SBOM.TrustAt, "T")
			rows = append(rows, []string{clean(x.Zone), p.bold(clean(x.Cluster + ":" + x.Namespace + "/" + x.Name)), clean(x.Container), clean(shortImage(x.Image)),
				x.SBOM.Digest.Short(), clean(x.SBOM.Vouched()), clean(x.SBOM.TrustBy), clean(at)})
		}
		if len(rows) > 0 {
			p.heading(s.title, len(rows), s.remark)
			p.table([]column{{"ZONE", 0}, {"WORKLOAD", 20}, {"CONTAINER", 8}, {"IMAGE", 18}, {"SBOM", 0}, {"WHO OR WHY", 28}, {"SAYS", 8}, {"AT", 0}}, rows)
		}
	}
	return p.done()
}

func trustPushedTable(w io.Writer, a *TrustPushed, o Options) error {
	p := newPrinter(w, o)
	for i := range a.Answers {
		d := &a.Answers[i]
		word := "taken"
		if d.Changed == 0 {
			word = "there already"
		}
		p.linef("%s  %s: %s, %s, %d changed", p.green(word), clean(d.File), plural(d.Images, "image"), plural(d.Documents, "document"), d.Changed)
		if d.Older > 0 {
			p.linef("  %s", p.yellow(plural(d.Older, "answer")+" left out: something newer is there of the same image"))
		}
		if !d.Counts {
			p.linef("  %s", p.yellow("told and not believed: the server's sbomTrust.uploaders do not name "+clean(d.By)))
		}
	}
	p.refusals(a.Refused)
	return p.done()
}
