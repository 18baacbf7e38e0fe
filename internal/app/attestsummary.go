package app

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/report"
)

// summary is what a stage's gate made of an image, for the policy of the next stage: a
// verification summary as it is, or the answer of our gate as one. A summary says what was
// verified of this very image: the answer about another digest is refused, and so is one
// in which something could not be checked.
func (s *signer) summary(in *AttestInputs, sub *subject, raw []byte) ([]byte, error) {
	refused := func(hint, format string, args ...any) error {
		return ident.Errorf(ident.KindRefused, format, args...).At(in.Predicate).WithHint("%s", hint)
	}
	var g struct {
		At       time.Time           `json:"at"`
		Digest   ident.Digest        `json:"digest"`
		Result   report.GateResult   `json:"result"`
		Checks   []report.GateCheck  `json:"checks"`
		Policies []report.PolicyFile `json:"policies"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, refused("cofferdam gate IMAGE --policy FILE -o json writes it", "is no JSON object")
	}
	if members["verifier"] != nil {
		if in.VerifierID != "" {
			return nil, ident.Errorf(ident.KindUsage, "--verifier-id is for the answer of a gate, and %s names its verifier", in.Predicate)
		}
		_, err := predicate.Read(predicate.SummaryType, raw, predicate.Limits{})
		return raw, err
	}
	const again = "run the gate on this image: cofferdam gate IMAGE --policy FILE -o json"
	switch err := json.Unmarshal(raw, &g); {
	case err != nil || g.At.IsZero() || len(g.Checks) == 0 || len(g.Policies) == 0:
		return nil, refused(again, "is neither a verification summary nor the answer of a gate")
	case in.VerifierID == "":
		return nil, ident.Errorf(ident.KindUsage, "which stage's gate was this?").WithHint("--verifier-id URI, which the next stage's policy asks for")
	case g.Digest != sub.digest:
		return nil, refused(again, "the gate judged %s, and this is %s", g.Digest, sub.digest)
	case g.Result != report.GatePassed && g.Result != report.GateFailed:
		return nil, refused(again, "the gate could not check everything: there is nothing to sum up")
	}
	out := predicate.Summary{Verifier: in.VerifierID, Verified: g.At, ResourceURI: sub.name, Passed: g.Result == report.GatePassed, Policy: summedPolicies(g.Policies), Version: "1.1"}
	if sub.image != nil {
		repository := sub.image.Name()
		out.ResourceURI = "pkg:oci/" + repository[strings.LastIndexByte(repository, '/')+1:] + "@" + url.QueryEscape(sub.digest.String()) + "?repository_url=" + url.QueryEscape(repository)
	}
	// The gate is no judge of SLSA levels, which the specification has words for.
	out.Levels = []string{"SLSA_BUILD_LEVEL_UNEVALUATED"}
	if !out.Passed {
		out.Levels = []string{"FAILED"}
		s.note("the summary says that the image failed the gate")
	}
	return out.Write()
}

// summedPolicies is what a summary says of the policies: the file and its digest, or of
// several the digest of the lines "DIGEST  FILE", in the order of the command.
func summedPolicies(files []report.PolicyFile) predicate.Resource {
	if len(files) == 1 {
		return predicate.Resource{URI: files[0].File, Digests: []provenance.Hash{{Algorithm: files[0].Digest.Algorithm(), Value: files[0].Digest.Hex()}}}
	}
	var names []string
	var lines strings.Builder
	for _, f := range files {
		names = append(names, f.File)
		fmt.Fprintf(&lines, "%s  %s\n", f.Digest, f.File)
	}
	d := ident.SHA256([]byte(lines.String()))
	return predicate.Resource{URI: strings.Join(names, ","), Digests: []provenance.Hash{{Algorithm: d.Algorithm(), Value: d.Hex()}}}
}
